//! The Lambda function `mobile-certificate`; see [`functions::mobile::certificate`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::mobile::certificate::FUNCTION)
}
