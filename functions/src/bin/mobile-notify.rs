//! The Lambda function `mobile-notify`; see [`functions::mobile::notify`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::mobile::notify::FUNCTION)
}
