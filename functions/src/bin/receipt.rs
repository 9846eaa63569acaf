//! The Lambda function `receipt`; see [`functions::receipt`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::receipt::FUNCTION)
}
