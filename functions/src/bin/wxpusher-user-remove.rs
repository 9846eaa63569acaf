//! The Lambda function `wxpusher-user-remove`; see [`functions::wxpusher::user_remove`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wxpusher::user_remove::FUNCTION)
}
