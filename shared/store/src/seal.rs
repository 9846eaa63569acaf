//! Secrets we must use are sealed: AES-256-GCM under a data key, which itself is wrapped by KMS (or, on one machine, by
//! a key file) and kept in the Apps table. A function unwraps a data key once and keeps it, so opening a secret costs
//! no call to KMS in a warm instance.
//!
//! A sealed value is text: `v1.<data key id>.<nonce, 12 bytes>.<ciphertext and tag>`, the last two in base64url. What a
//! secret belongs to is bound into it (associated data), so a sealed value cannot be moved to another item.

use crate::error::failed;
use crate::item::{Item, Reader, b};
use crate::{SealSettings, Store, StoreError, keys};
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use aws_sdk_kms::primitives::Blob;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::secret::Secret;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The data key that seals new secrets. Rotation writes the next one under another id; old ones stay readable.
const CURRENT_KEY: &str = "1";
const NONCE_BYTES: usize = 12;

/// Unwrapped data keys by id.
#[derive(Default)]
pub(crate) struct Seals(Mutex<HashMap<String, Arc<LessSafeKey>>>);

capability! {
    /// Opens sealed secrets.
    Opener: [("dynamodb:GetItem", Apps), ("kms:Decrypt", Key)]
}

capability! {
    /// Seals secrets; makes the first data key when there is none.
    Sealer: [
        ("dynamodb:GetItem", Apps),
        ("dynamodb:PutItem", DataKeys),
        ("kms:Decrypt", Key),
        ("kms:GenerateDataKeyWithoutPlaintext", Key),
    ]
}

impl Opener {
    /// Opens what [`Sealer::seal`] sealed for the same `owner`.
    pub async fn unseal(&self, owner: &str, sealed: &str) -> Result<Secret<String>, StoreError> {
        let mut fields = sealed.split('.');
        let (Some("v1"), Some(id), Some(nonce), Some(text), None) =
            (fields.next(), fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(StoreError::Seal("opened: it has not the form of a sealed value"));
        };
        let nonce = decode(nonce)?;
        let mut bytes = decode(text)?;
        let key = data_key(&self.0, id).await?.ok_or(StoreError::Seal("opened: its data key is missing"))?;
        let nonce = Nonce::try_assume_unique_for_key(&nonce)
            .map_err(|_| StoreError::Seal("opened: its nonce has the wrong length"))?;
        let plain = key
            .open_in_place(nonce, Aad::from(owner.as_bytes()), &mut bytes)
            .map_err(|_| StoreError::Seal("opened: it belongs to something else or was altered"))?;
        String::from_utf8(plain.to_vec()).map(Secret::new).map_err(|_| StoreError::Seal("opened: it is no text"))
    }
}

impl Sealer {
    /// Seals `secret` for `owner`, for example the key of the item that will hold it.
    pub async fn seal(&self, owner: &str, secret: &Secret<String>) -> Result<String, StoreError> {
        let key = match data_key(&self.0, CURRENT_KEY).await? {
            Some(key) => key,
            None => create_data_key(&self.0).await?,
        };
        let mut nonce = [0; NONCE_BYTES];
        fill(&mut nonce)?;
        let mut bytes = secret.expose().clone().into_bytes();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(owner.as_bytes()), &mut bytes)
            .map_err(|_| StoreError::Seal("sealed"))?;
        Ok(format!("v1.{CURRENT_KEY}.{}.{}", URL_SAFE_NO_PAD.encode(nonce), URL_SAFE_NO_PAD.encode(bytes)))
    }
}

fn decode(text: &str) -> Result<Vec<u8>, StoreError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| StoreError::Seal("opened: it is not base64url"))
}

fn fill(bytes: &mut [u8]) -> Result<(), StoreError> {
    SystemRandom::new().fill(bytes).map_err(|_| StoreError::Seal("sealed: the system has no randomness"))
}

/// The unwrapped data key `id`; `None` when the table has none of that id.
async fn data_key(store: &Store, id: &str) -> Result<Option<Arc<LessSafeKey>>, StoreError> {
    let mut known = store.seals().0.lock().await;
    if let Some(key) = known.get(id) {
        return Ok(Some(key.clone()));
    }
    let at = keys::data_key(id);
    let answer = store
        .dynamodb()
        .get_item()
        .table_name(&store.names().apps)
        .key("pk", crate::item::s(at.pk))
        .key("sk", crate::item::s(at.sk))
        .consistent_read(true)
        .send()
        .await
        .map_err(failed("GetItem"))?;
    let Some(item) = answer.item else { return Ok(None) };
    let wrapped = Reader::new("data key", &item).bytes("wrapped")?;
    let key = aead_key(unwrap(store, wrapped).await?.expose())?;
    known.insert(id.to_owned(), key.clone());
    Ok(Some(key))
}

fn aead_key(bytes: &[u8]) -> Result<Arc<LessSafeKey>, StoreError> {
    UnboundKey::new(&AES_256_GCM, bytes)
        .map(|key| Arc::new(LessSafeKey::new(key)))
        .map_err(|_| StoreError::Seal("opened: its data key has the wrong length"))
}

/// Makes and keeps the first data key. Of two that try at once, the one that was written counts.
async fn create_data_key(store: &Store) -> Result<Arc<LessSafeKey>, StoreError> {
    let wrapped = generate_wrapped(store).await?;
    let at = keys::data_key(CURRENT_KEY);
    let put = store
        .dynamodb()
        .put_item()
        .table_name(&store.names().apps)
        .set_item(Some(Item::keyed(at.pk, at.sk).with("wrapped", b(wrapped)).build()))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::None)
        .send()
        .await;
    match put {
        Ok(_) => {}
        Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {}
        Err(error) => return Err(failed("PutItem")(error)),
    }
    data_key(store, CURRENT_KEY).await?.ok_or(StoreError::Seal("sealed: the data key vanished"))
}

async fn generate_wrapped(store: &Store) -> Result<Vec<u8>, StoreError> {
    match store.seal_settings() {
        SealSettings::Kms(key) => {
            let answer = store
                .kms()
                .generate_data_key_without_plaintext()
                .key_id(key)
                .key_spec(aws_sdk_kms::types::DataKeySpec::Aes256)
                .send()
                .await
                .map_err(failed("GenerateDataKeyWithoutPlaintext"))?;
            let blob = answer.ciphertext_blob.ok_or(StoreError::Seal("sealed: KMS gave no key"))?;
            Ok(blob.into_inner())
        }
        SealSettings::Key(master) => {
            let mut data = vec![0; 32];
            fill(&mut data)?;
            let mut nonce = [0; NONCE_BYTES];
            fill(&mut nonce)?;
            aead_key(master.expose())?
                .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(b"data key"), &mut data)
                .map_err(|_| StoreError::Seal("sealed"))?;
            Ok([&nonce[..], &data].concat())
        }
    }
}

async fn unwrap(store: &Store, wrapped: &[u8]) -> Result<Secret<Vec<u8>>, StoreError> {
    match store.seal_settings() {
        SealSettings::Kms(key) => {
            let answer = store
                .kms()
                .decrypt()
                .key_id(key)
                .ciphertext_blob(Blob::new(wrapped))
                .send()
                .await
                .map_err(failed("Decrypt"))?;
            let blob = answer.plaintext.ok_or(StoreError::Seal("opened: KMS gave no key"))?;
            Ok(Secret::new(blob.into_inner()))
        }
        SealSettings::Key(master) => {
            let too_short = StoreError::Seal("opened: its data key is cut short");
            let (nonce, data) = wrapped.split_at_checked(NONCE_BYTES).ok_or(too_short)?;
            let nonce = Nonce::try_assume_unique_for_key(nonce)
                .map_err(|_| StoreError::Seal("opened: its data key is cut short"))?;
            let mut data = data.to_vec();
            let plain = aead_key(master.expose())?
                .open_in_place(nonce, Aad::from(b"data key"), &mut data)
                .map_err(|_| StoreError::Seal("opened: the key file is not the one that wrapped its data key"))?;
            Ok(Secret::new(plain.to_vec()))
        }
    }
}
