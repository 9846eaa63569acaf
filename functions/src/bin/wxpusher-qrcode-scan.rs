//! The Lambda function `wxpusher-qrcode-scan`; see [`functions::wxpusher::qrcode_scan`].

fn main() -> Result<(), lambda_runtime::Error> {
    gateway::lambda::run(functions::wxpusher::qrcode_scan::FUNCTION)
}
