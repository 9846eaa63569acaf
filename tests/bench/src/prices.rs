//! From counted calls to dollars.

use crate::Failure;
use local::aws::CallStats;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// AWS's list prices (`tests/bench/prices.yaml`), in dollars.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// Where they hold.
    pub region: String,
    /// When they were read.
    pub date: String,
    /// DynamoDB, on demand.
    pub write_units_per_million: f64,
    /// DynamoDB, on demand.
    pub read_units_per_million: f64,
    /// SQS, standard queues.
    pub sqs_requests_per_million: f64,
    /// S3, standard.
    pub s3_puts_per_million: f64,
    /// S3, standard.
    pub s3_gets_per_million: f64,
    /// Lambda, invocations.
    pub lambda_requests_per_million: f64,
    /// Lambda, Arm.
    pub lambda_gb_second: f64,
    /// API Gateway, HTTP APIs.
    pub http_api_requests_per_million: f64,
    /// Out to the internet.
    pub egress_gb: f64,
}

impl Prices {
    /// The table in the repository.
    pub fn read() -> Result<Self, Failure> {
        Ok(serde_norway::from_str(include_str!("../prices.yaml"))?)
    }
}

/// What a run used.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Used {
    /// Messages that reached a vendor.
    pub deliveries: u64,
    /// Calls of our API.
    pub accepted: u64,
    /// Calls of AWS, without those of Lambda's pollers.
    pub aws_calls: u64,
    /// DynamoDB write units.
    pub write_units: f64,
    /// DynamoDB read units.
    pub read_units: f64,
    /// SQS requests as they are billed, receives and deletes of Lambda's pollers included.
    pub sqs_requests: u64,
    /// S3 PUT requests.
    pub s3_puts: u64,
    /// S3 GET requests.
    pub s3_gets: u64,
    /// Bodies that went to vendors, bytes.
    pub vendor_bytes: u64,
    /// Invocations by function.
    pub invocations: BTreeMap<String, u64>,
    /// How long functions ran, in GB-seconds: see [`crate::money`].
    pub lambda_gb_seconds: f64,
}

impl Used {
    /// What was counted, but for `empty` receives that found nothing.
    pub fn of(calls: &[CallStats], empty: u64) -> Self {
        let mut used = Self::default();
        for call in calls {
            let figures = &call.figures;
            let polled = matches!(call.operation.as_str(), "ReceiveMessage" | "DeleteMessageBatch");
            match call.service.as_str() {
                "dynamodb" => {
                    used.write_units += figures.write_units;
                    used.read_units += figures.read_units;
                }
                "sqs" => used.sqs_requests += figures.billed_requests,
                "s3" => match call.operation.as_str() {
                    "PutObject" => used.s3_puts += figures.count,
                    "GetObject" => used.s3_gets += figures.count,
                    _ => {}
                },
                "execute-api" => {}
                _ => {
                    used.vendor_bytes += figures.request_bytes;
                    continue;
                }
            }
            if !polled {
                used.aws_calls += figures.count;
            }
        }
        used.sqs_requests -= empty;
        used
    }

    /// What it costs at `prices`, in dollars.
    pub fn bill(&self, prices: &Prices) -> Bill {
        let million = |count: f64, price: f64| count * price / 1e6;
        let invocations: u64 = self.invocations.values().sum();
        Bill {
            dynamodb: million(self.write_units, prices.write_units_per_million)
                + million(self.read_units, prices.read_units_per_million),
            sqs: million(self.sqs_requests as f64, prices.sqs_requests_per_million),
            s3: million(self.s3_puts as f64, prices.s3_puts_per_million)
                + million(self.s3_gets as f64, prices.s3_gets_per_million),
            lambda: million(invocations as f64, prices.lambda_requests_per_million)
                + self.lambda_gb_seconds * prices.lambda_gb_second,
            http_api: million(self.accepted as f64, prices.http_api_requests_per_million),
            egress: self.vendor_bytes as f64 / 1e9 * prices.egress_gb,
        }
    }
}

/// Dollars, by service.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Bill {
    /// DynamoDB.
    pub dynamodb: f64,
    /// SQS.
    pub sqs: f64,
    /// S3.
    pub s3: f64,
    /// Lambda.
    pub lambda: f64,
    /// API Gateway.
    pub http_api: f64,
    /// What goes out to vendors. Not part of [`Bill::total`].
    pub egress: f64,
}

impl Bill {
    /// Everything but what goes out to the internet.
    pub fn total(&self) -> f64 {
        self.dynamodb + self.sqs + self.s3 + self.lambda + self.http_api
    }

    /// The same for `factor` times as much.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self {
            dynamodb: self.dynamodb * factor,
            sqs: self.sqs * factor,
            s3: self.s3 * factor,
            lambda: self.lambda * factor,
            http_api: self.http_api * factor,
            egress: self.egress * factor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_is_counts_times_prices() {
        let prices = Prices::read().unwrap();
        let used = Used {
            deliveries: 1,
            accepted: 1_000_000,
            write_units: 1e6,
            read_units: 2e6,
            sqs_requests: 1_000_000,
            s3_puts: 1_000_000,
            invocations: [("deliver".to_owned(), 1_000_000)].into(),
            lambda_gb_seconds: 1e6,
            vendor_bytes: 1_000_000_000,
            ..Used::default()
        };
        let bill = used.bill(&prices);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(bill.dynamodb, 0.625 + 0.25) && near(bill.sqs, 0.4) && near(bill.s3, 5.0), "{bill:?}");
        assert!(near(bill.lambda, 0.2 + 13.3334) && near(bill.http_api, 1.0) && near(bill.egress, 0.09), "{bill:?}");
        assert!(near(bill.times(2.0).total(), 2.0 * (0.875 + 0.4 + 5.0 + 13.5334 + 1.0)), "{bill:?}");
    }
}
