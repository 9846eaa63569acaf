//! The Lambda function `wxpusher-qrcode-create`; see [`functions::wxpusher::qrcode_create`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wxpusher::qrcode_create::FUNCTION)
}
