//! The Lambda function `deliver`; see [`functions::workers::deliver`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::workers::deliver::FUNCTION)
}
