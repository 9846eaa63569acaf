//! The Lambda function `service-task`; see [`functions::service_account::task`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::service_account::task::FUNCTION)
}
