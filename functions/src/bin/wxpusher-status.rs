//! The Lambda function `wxpusher-status`; see [`functions::wxpusher::status`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wxpusher::status::FUNCTION)
}
