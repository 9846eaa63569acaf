//! The Lambda function `refresh-tokens`; see [`functions::workers::refresh_tokens`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::workers::refresh_tokens::FUNCTION)
}
