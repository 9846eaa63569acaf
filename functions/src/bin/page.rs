//! The Lambda function `page`; see [`functions::page`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::page::FUNCTION)
}
