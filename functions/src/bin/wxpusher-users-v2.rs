//! The Lambda function `wxpusher-users-v2`; see [`functions::wxpusher::users_v2`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wxpusher::users_v2::FUNCTION)
}
