//! The Lambda function `wxpusher-pay-end-time`; see [`functions::wxpusher::pay_end_time`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wxpusher::pay_end_time::FUNCTION)
}
