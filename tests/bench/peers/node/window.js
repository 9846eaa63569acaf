// Sends many notifications with some of them in flight, and says what that cost this process.
'use strict';

const IN_FLIGHT = 100;

// `send(n)` resolves once notification `n` was accepted, and rejects when it was not. The first one, which connects, is
// not counted.
async function measure(name, version, count, send) {
  await send(0);
  const before = process.cpuUsage();
  const started = process.hrtime.bigint();
  let next = 0;
  const worker = async () => {
    while (next < count) {
      next += 1;
      await send(next);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  const { user, system } = process.cpuUsage(before);
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const cpu_seconds = (user + system) / 1e6;
  console.log(JSON.stringify({ name, version, deliveries: count, cpu_seconds, seconds }));
}

module.exports = { measure };
