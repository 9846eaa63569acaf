//! The Lambda function `service-upload-media`; see [`functions::service_account::upload_media`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::service_account::upload_media::FUNCTION)
}
