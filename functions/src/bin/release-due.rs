//! The Lambda function `release-due`; see [`functions::workers::release_due`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::workers::release_due::FUNCTION)
}
