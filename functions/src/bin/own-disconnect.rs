//! The Lambda function `own-disconnect`; see [`functions::own::disconnect`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::own::disconnect::FUNCTION)
}
