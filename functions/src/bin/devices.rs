//! The Lambda function `devices`; see [`functions::mobile::devices`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::mobile::devices::FUNCTION)
}
