// firebase-admin against the stand-in for FCM: `node firebase.js <vendors.json> <count>`, with the stand-in's root in
// NODE_EXTRA_CA_CERTS. The library has Google's host built in, so what is called here is the handler that its `sendEach`
// calls for each message: its own HTTP/2 session, authorization and parsing, at another host.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { initializeApp } = require('firebase-admin/app');
const { measure } = require('./window');

// By path: what is inside the package is not exported.
const library = path.resolve(require.resolve('firebase-admin/app'), '../..');
const { version } = require(path.join(library, '../package.json'));
const { FirebaseMessagingRequestHandler } = require(path.join(library, 'messaging/messaging-api-request-internal.js'));
const { Http2SessionHandler } = require(path.join(library, 'utils/api-request.js'));

const [vendorsFile, count] = process.argv.slice(2);
const vendors = JSON.parse(fs.readFileSync(vendorsFile, 'utf8'));

// A token of Google's, as a service account gets one.
async function getAccessToken() {
  const account = JSON.parse(fs.readFileSync(vendors.service_account, 'utf8'));
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: account.client_email,
    scope: 'https://www.googleapis.com/auth/firebase.messaging',
    aud: account.token_uri,
    iat: now,
    exp: now + 3600,
  };
  const signed = `${encode({ alg: 'RS256', typ: 'JWT', kid: account.private_key_id })}.${encode(claims)}`;
  const signature = crypto.sign('RSA-SHA256', Buffer.from(signed), account.private_key).toString('base64url');
  const grant = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: `${signed}.${signature}` };
  const answer = await fetch(account.token_uri, { method: 'POST', body: new URLSearchParams(grant) });
  if (!answer.ok) {
    throw new Error(`no token: ${answer.status} ${await answer.text()}`);
  }
  return answer.json();
}

const app = initializeApp({ projectId: vendors.project, credential: { getAccessToken } });
const handler = new FirebaseMessagingRequestHandler(app);
const host = new URL(vendors.fcm).host;
const session = new Http2SessionHandler(vendors.fcm);
// The library says `https:` for the scheme, with its colon: Google takes that, a stricter server calls it malformed.
const request = session.session.request.bind(session.session);
session.session.request = (headers) => {
  headers[':scheme'] = 'https';
  return request(headers);
};
const notification = { title: 'Disk alert', body: 'Less than ten per cent are free on /var.' };

async function send(n) {
  const message = { token: `device-${n}`, notification };
  const answer = await handler.invokeHttp2RequestHandlerForSendResponse(
    host,
    `/v1/projects/${vendors.project}/messages:send`,
    { message },
    session,
  );
  if (!answer.success) {
    throw answer.error;
  }
}

measure('firebase-admin', version, Number(count), send)
  .then(() => session.close())
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
