//! The Lambda function `wxpusher-send-get`; see [`functions::wxpusher::send_get`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wxpusher::send_get::FUNCTION)
}
