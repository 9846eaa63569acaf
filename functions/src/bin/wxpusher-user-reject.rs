//! The Lambda function `wxpusher-user-reject`; see [`functions::wxpusher::user_reject`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wxpusher::user_reject::FUNCTION)
}
