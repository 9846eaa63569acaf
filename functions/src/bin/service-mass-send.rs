//! The Lambda function `service-mass-send`; see [`functions::service_account::mass_send`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::service_account::mass_send::FUNCTION)
}
