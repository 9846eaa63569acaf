//! The Lambda function `wxpusher-simple-push`; see [`functions::wxpusher::simple_push`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wxpusher::simple_push::FUNCTION)
}
