//! The Lambda function `own-connect`; see [`functions::own::connect`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::own::connect::FUNCTION)
}
