//! The Lambda function `wxpusher-send`; see [`functions::wxpusher::send`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wxpusher::send::FUNCTION)
}
