// @parse/node-apn against the stand-in for APNs: `node apn.js <vendors.json> <count>`.
'use strict';

const fs = require('fs');
const apn = require('@parse/node-apn');
const { version } = require('@parse/node-apn/package.json');
const { measure } = require('./window');

const [vendorsFile, count] = process.argv.slice(2);
const vendors = JSON.parse(fs.readFileSync(vendorsFile, 'utf8'));
const { hostname, port } = new URL(vendors.apns);
const provider = new apn.Provider({
  token: { key: vendors.apns_key, keyId: vendors.key_id, teamId: vendors.team_id },
  address: hostname,
  port: Number(port),
  ca: fs.readFileSync(vendors.root),
});
// Apple takes one new token in twenty minutes of a key, and so does the stand-in: all clients show the same one.
provider.client.config.token.current = vendors.apns_jwt;
const notification = new apn.Notification();
notification.topic = vendors.topic;
notification.pushType = 'alert';
notification.priority = 10;
notification.expiry = Math.floor(Date.now() / 1000) + 3600;
notification.rawPayload = JSON.parse(vendors.payload);

async function send(n) {
  const { failed } = await provider.send(notification, n.toString(16).padStart(64, '0'));
  if (failed.length > 0) {
    throw new Error(`not accepted: ${JSON.stringify(failed[0])} ${failed[0].error || ''}`);
  }
}

measure('node-apn', version, Number(count), send)
  .then(() => provider.shutdown())
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
