//! The Lambda function `service-send`; see [`functions::service_account::send`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::service_account::send::FUNCTION)
}
