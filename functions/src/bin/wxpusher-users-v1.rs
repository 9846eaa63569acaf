//! The Lambda function `wxpusher-users-v1`; see [`functions::wxpusher::users_v1`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wxpusher::users_v1::FUNCTION)
}
