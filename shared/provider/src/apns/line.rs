//! The connections to Apple: one per certificate.
//!
//! Tokens of different teams must not share a connection, and after too many new tokens Apple ignores a connection for a
//! while. So each certificate has a client of its own, whose connection can be thrown away.

use super::settings::{ApnsSettings, IDLE_TIMEOUT, MAX_LINES};
use crate::http::{HttpClient, HttpSettings, Identity, Trust};
use model::certificate::{ApnsCertificate, ApnsKey, Environment};
use ring::digest::{Context, SHA256};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Everything that makes two certificates different, hashed: a certificate that was replaced gets a connection of its own.
type Fingerprint = [u8; 32];

pub(super) struct Lines {
    settings: ApnsSettings,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    lines: HashMap<Fingerprint, (HttpClient, u64)>,
    uses: u64,
}

impl Lines {
    pub(super) fn new(settings: ApnsSettings) -> Self {
        Self { settings, open: Mutex::default() }
    }

    /// The base URL for a certificate, without a slash at its end.
    pub(super) fn base_url(&self, certificate: &ApnsCertificate) -> &str {
        let url = match certificate.environment {
            Environment::Development => &self.settings.development_url,
            Environment::Production => &self.settings.production_url,
        };
        url.trim_end_matches('/')
    }

    /// The client of a certificate. It connects with its first request.
    pub(super) fn client(&self, certificate: &ApnsCertificate) -> HttpClient {
        let fingerprint = fingerprint(certificate);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.uses += 1;
        let uses = open.uses;
        if let Some((client, used)) = open.lines.get_mut(&fingerprint) {
            *used = uses;
            return client.clone();
        }
        if open.lines.len() >= MAX_LINES
            && let Some(oldest) = open.lines.iter().min_by_key(|(_, (_, used))| *used).map(|(oldest, _)| *oldest)
        {
            open.lines.remove(&oldest);
        }
        let client = self.connect(certificate);
        open.lines.insert(fingerprint, (client.clone(), uses));
        client
    }

    fn connect(&self, certificate: &ApnsCertificate) -> HttpClient {
        let identity = match &certificate.key {
            ApnsKey::Token { .. } => None,
            ApnsKey::Certificate { chain, private_key } => {
                Some(Identity { chain: chain.clone(), private_key: private_key.clone() })
            }
        };
        let settings = HttpSettings { idle_timeout: IDLE_TIMEOUT, ..HttpSettings::default() };
        HttpClient::trusting(settings, Trust { roots: self.settings.roots.clone(), identity, http2_only: true })
    }
}

fn fingerprint(certificate: &ApnsCertificate) -> Fingerprint {
    let environment = match certificate.environment {
        Environment::Development => "0",
        Environment::Production => "1",
    };
    let (first, second, private_key) = match &certificate.key {
        ApnsKey::Token { key_id, team_id, private_key } => (key_id.as_str(), team_id.as_str(), private_key),
        ApnsKey::Certificate { chain, private_key } => (chain.as_str(), "", private_key),
    };
    let mut context = Context::new(&SHA256);
    for part in [certificate.id.as_str(), environment, first, second, private_key.expose()] {
        context.update(&part.len().to_be_bytes());
        context.update(part.as_bytes());
    }
    let mut fingerprint = Fingerprint::default();
    fingerprint.copy_from_slice(context.finish().as_ref());
    fingerprint
}
