//! The table of functions: read by the local runner, and by the tests that hold it against `template.yaml` and the
//! binaries.

use crate::{admin, fallback, mobile, own, page, receipt, service_account, wechat, workers, wxpusher};
use gateway::Function;

/// Every function, each once.
pub static ALL: &[Function] = &[
    wxpusher::send::FUNCTION,
    wxpusher::send_get::FUNCTION,
    wxpusher::status::FUNCTION,
    wxpusher::message_delete::FUNCTION,
    wxpusher::simple_push::FUNCTION,
    wxpusher::qrcode_create::FUNCTION,
    wxpusher::qrcode_scan::FUNCTION,
    wxpusher::users_v1::FUNCTION,
    wxpusher::users_v2::FUNCTION,
    wxpusher::user_remove::FUNCTION,
    wxpusher::user_reject::FUNCTION,
    wxpusher::pay_end_time::FUNCTION,
    wechat::token::FUNCTION,
    wechat::template_send::FUNCTION,
    wechat::wxopen_template_send::FUNCTION,
    wechat::push::FUNCTION,
    mobile::certificate::FUNCTION,
    mobile::notify::FUNCTION,
    mobile::task_detail::FUNCTION,
    mobile::devices::FUNCTION,
    service_account::upload_media::FUNCTION,
    service_account::send::FUNCTION,
    service_account::mass_send::FUNCTION,
    service_account::task::FUNCTION,
    receipt::FUNCTION,
    page::FUNCTION,
    own::connect::FUNCTION,
    own::message::FUNCTION,
    own::disconnect::FUNCTION,
    wechat::event::FUNCTION,
    admin::FUNCTION,
    fallback::FUNCTION,
    workers::fanout::FUNCTION,
    workers::deliver::FUNCTION,
    workers::inbound::FUNCTION,
    workers::callback::FUNCTION,
    workers::refresh_tokens::FUNCTION,
    workers::release_due::FUNCTION,
];

/// The function of that name.
pub fn by_name(name: &str) -> Option<Function> {
    ALL.iter().find(|function| function.name == name).copied()
}
