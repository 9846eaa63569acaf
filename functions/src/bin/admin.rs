//! The Lambda function `admin`; see [`functions::admin`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::admin::FUNCTION)
}
