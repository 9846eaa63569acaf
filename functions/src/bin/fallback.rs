//! The Lambda function `fallback`; see [`functions::fallback`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::fallback::FUNCTION)
}
