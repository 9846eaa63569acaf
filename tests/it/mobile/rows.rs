//! The edge cases of this family, by number, and the tests that stand for each: those below `tests/it`, and those of a phone
//! vendor's channel in `shared/provider/src/<channel>/tests.rs`.
//!
//! | row | about | tests |
//! | --- | --- | --- |
//! | 1 | an audience of nobody | `mobile/fanout.rs: push_row_1_nobody_is_an_audience_too` |
//! | 2 | `ALL` and `{"all":true}` | `mobile/notify.rs: push_row_2_push_row_5_push_row_60_an_audience_is_all_or_one_list` |
//! | 3 | 500 and 501 targets | `mobile/notify.rs: push_row_3_five_hundred_targets_are_accepted_and_one_more_is_not` |
//! | 4 | 501 targets, two of them distinct | `mobile/notify.rs: push_row_4_the_limit_is_on_the_length_of_the_list` |
//! | 5 | two kinds of audience | `mobile/notify.rs: push_row_2_push_row_5_push_row_60_an_audience_is_all_or_one_list` |
//! | 6 | a device named twice | `mobile/fanout.rs: push_row_6_push_row_7_a_device_gets_one_copy_however_it_is_named` |
//! | 7 | a number that no floating point holds | `mobile/fanout.rs: push_row_6_push_row_7_a_device_gets_one_copy_however_it_is_named` |
//! | 8 | a request id, repeated and at once | `mobile/notify.rs: push_row_8_a_request_id_is_one_task_however_often_it_comes_and_at_once` |
//! | 9 | a request id of two apps | `mobile/notify.rs: push_row_9_push_row_10_push_row_52_a_request_id_is_the_apps_own_and_an_empty_one_is_none` |
//! | 10 | an empty request id | `mobile/notify.rs: push_row_9_push_row_10_push_row_52_a_request_id_is_the_apps_own_and_an_empty_one_is_none` |
//! | 11 | our own channel only, offline | `mobile/fanout.rs: push_row_11_push_row_14_the_strategy_says_over_which_channels`, `own/channel.rs: r11_who_is_offline_and_may_only_be_reached_here_gets_nothing_and_is_a_target` |
//! | 12 | vendors only, online | `own/channel.rs: r12_the_vendors_alone_reach_who_is_online_too` |
//! | 13 | a connection that is gone | `own/channel.rs: r13_a_connection_that_is_gone_is_removed_and_the_vendor_is_called_once` |
//! | 14 | a sequence without the device's vendor | `mobile/fanout.rs: push_row_11_push_row_14_the_strategy_says_over_which_channels` |
//! | 15 | `flyme` in a sequence | `mobile/notify.rs: push_row_15_push_row_19_push_row_29_fields_are_checked_and_named` |
//! | 16 | no badge: one more | `huawei: a_badge_stays_within_huaweis_range`, `oppo: each_phone_has_its_own_number_on_the_icon` |
//! | 17 | badge 0 | `apns: devices_share_one_connection_and_each_has_its_badge`, `huawei: a_badge_stays_within_huaweis_range`, `oppo: each_phone_has_its_own_number_on_the_icon` |
//! | 18 | badges beyond a vendor's range | `huawei: a_badge_stays_within_huaweis_range`, `oppo: each_phone_has_its_own_number_on_the_icon` |
//! | 19 | badges that are none | `mobile/notify.rs: push_row_15_push_row_19_push_row_29_fields_are_checked_and_named` |
//! | 20 | two pushes at once to one iPhone | `mobile/fanout.rs: push_row_20_badges_count_on_and_are_never_the_same` |
//! | 21 | a command to vendors that carry none | `mobile/fanout.rs: push_row_21_what_a_vendor_does_not_carry_is_not_sent_there` |
//! | 22 | a command to an iPhone | `apns: a_command_is_a_background_push` |
//! | 23 | a vendor's block beside `android` | `mobile/notify.rs: push_row_23_a_vendors_block_completes_the_android_block` |
//! | 24 | an intent with a relative class | `meizu: an_intent_becomes_class_and_parameters` |
//! | 25 | sixty emoji | `oppo: texts_are_cut_by_characters_and_long_ones_have_their_style`, `vivo: every_field_is_vivos`, `meizu: texts_are_cut_by_characters_and_blank_ones_replaced`, `xiaomi: texts_are_cut_by_characters_and_blank_ones_replaced` |
//! | 26 | a blank title | `xiaomi: texts_are_cut_by_characters_and_blank_ones_replaced` |
//! | 27 | a long text | `vivo: every_field_is_vivos`, `oppo: texts_are_cut_by_characters_and_long_ones_have_their_style`, `huawei: a_long_text_has_its_own_title` |
//! | 28 | data that is too large | `apns: data_that_is_too_large_fails_before_it_is_sent` |
//! | 29 | a collapse id that is too long | `mobile/notify.rs: push_row_15_push_row_19_push_row_29_fields_are_checked_and_named` |
//! | 30 | a death older than the binding | `mobile/vendors.rs: push_row_30_a_death_that_is_older_than_the_binding_costs_no_binding` |
//! | 31 | fifty workers and an expired token | `apns: fifty_instances_replace_an_expired_token_once` |
//! | 32 | too many tokens | `apns: after_too_many_tokens_the_same_one_is_used_over_another_connection` |
//! | 33 | refusals that name a token, and others | `fcm: only_a_token_that_is_named_is_dead` |
//! | 34 | how long Google is left alone | `fcm: a_spent_quota_waits_as_long_as_google_says_or_a_minute` |
//! | 35 | reserved keys | `fcm: reserved_keys_are_renamed_and_never_replace_the_callers_own` |
//! | 36 | some dead tokens | `huawei: dead_tokens_are_named_and_the_live_ones_not_sent_again` |
//! | 37 | an expired token, once and twice | `huawei: an_expired_token_is_replaced_once` |
//! | 38 | 1,001 tokens | `huawei: a_thousand_and_one_devices_are_two_calls` |
//! | 39 | one dead id in a thousand | `oppo: a_batch_fails_phone_by_phone` |
//! | 40 | ids from outside of China | `oppo: phones_outside_of_china_have_a_server_of_their_own` |
//! | 41 | 1,001 ids | `vivo: many_phones_are_a_list_and_a_remainder_of_one_is_not` |
//! | 42 | a spent quota | `mobile/vendors.rs: push_row_42_a_spent_quota_of_vivos_is_not_asked_again_today` |
//! | 43 | 101 ids | `meizu: a_call_has_a_hundred_ids_at_most` |
//! | 44 | a success that lists failures | `meizu: a_success_that_lists_ids_failed_for_those` |
//! | 45 | 110010 of a call and of a device | `meizu: a_success_that_lists_ids_failed_for_those`, `meizu: every_code_has_its_class` |
//! | 46 | signing what is sent | `meizu: what_is_signed_is_what_is_sent_whatever_it_holds` |
//! | 47 | a receipt of Xiaomi's, repeated | `mobile/receipts.rs: push_row_47_a_receipt_of_xiaomis_counts_once_and_dead_tokens_are_forgotten` |
//! | 48 | a receipt of Huawei's, forged and old | `mobile/receipts.rs: push_row_48_a_receipt_of_huaweis_is_signed_and_recent` |
//! | 49 | a receipt of OPPO's, one object | `mobile/receipts.rs: push_row_49_a_receipt_of_oppos_may_be_one_object` |
//! | 50 | a receipt of Meizu's without its token | `mobile/receipts.rs: push_row_50_a_receipt_of_meizus_shows_its_token` |
//! | 51 | a receipt of nothing that is known | `mobile/receipts.rs: push_row_51_what_is_not_known_is_taken_and_counts_nothing` |
//! | 52 | counters of another app's task | `mobile/notify.rs: push_row_9_push_row_10_push_row_52_a_request_id_is_the_apps_own_and_an_empty_one_is_none` |
//! | 53 | providers and environments by number | `mobile/certificate.rs: push_row_53_a_certificate_is_asked_for_by_number` |
//! | 54 | a certificate for a user | `mobile/certificate.rs: push_row_54_a_user_is_told_no_secret_of_the_server` |
//! | 55 | a message for later | `mobile/fanout.rs: push_row_55_what_a_vendor_cannot_hold_is_held_here`, `oppo: oppo_waits_itself_and_is_told_both_ends` |
//! | 56 | an end in the past | `mobile/notify.rs: push_row_56_a_message_that_is_over_is_refused` |
//! | 57 | a picture inside of our network | `mobile/attachments.rs: push_row_57_a_picture_inside_of_our_network_is_refused_and_nobody_is_asked_for_it` |
//! | 58 | endings of pictures | `mobile/notify.rs: push_row_58_push_row_59_pictures_and_blocks_have_their_form` |
//! | 59 | blocks of a wrong type | `mobile/notify.rs: push_row_58_push_row_59_pictures_and_blocks_have_their_form` |
//! | 60 | no message, no audience | `mobile/notify.rs: push_row_2_push_row_5_push_row_60_an_audience_is_all_or_one_list` |
//! | 61 | a finished batch that comes again | `mobile/repeats.rs: push_row_61_a_finished_batch_that_comes_again_calls_no_vendor` |
//! | 62 | an answer that was lost | `mobile/repeats.rs: push_row_62_a_message_whose_answer_was_lost_is_sent_again` |

use crate::template::project::root;
use std::fs;

const ROWS: u32 = 62;

/// The rows of the table above: number, and the tests as `file: name`.
fn table() -> Vec<(u32, Vec<(&'static str, &'static str)>)> {
    let rows = include_str!("rows.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
    let row = |row: &'static str| {
        let (number, rest) = row.split_once(" | ")?;
        let tests = rest.rsplit_once(" | ")?.1.trim_end_matches(" |");
        let tests = tests.split(", ").filter_map(|test| test.trim_matches('`').split_once(": "));
        Some((number.parse().ok()?, tests.collect()))
    };
    rows.filter_map(row).collect()
}

/// What is wrong with the table, if it names these tests for these rows.
fn flaws(table: &[(u32, Vec<(&str, &str)>)]) -> Vec<String> {
    let mut flaws = Vec::new();
    let rows: Vec<u32> = table.iter().map(|(row, _)| *row).collect();
    if rows != (1..=ROWS).collect::<Vec<_>>() {
        flaws.push(format!("the rows are not 1 to {ROWS}, each once: {rows:?}"));
    }
    for (row, tests) in table {
        if tests.is_empty() {
            flaws.push(format!("no test stands for row {row}"));
        }
        for (file, name) in tests {
            let path = match file.strip_suffix(".rs") {
                Some(_) => root().join("tests/it").join(file),
                None => root().join("shared/provider/src").join(file).join("tests.rs"),
            };
            let source = fs::read_to_string(path).unwrap_or_default();
            // Attributes of a test end in `test]`, or in what `test(…)` is given.
            let ends = ["test]\nasync fn", "test]\nfn", ")]\nasync fn"];
            if !ends.iter().any(|end| source.contains(&format!("{end} {name}()"))) {
                flaws.push(format!("row {row}: {file} has no test `{name}`"));
            }
            // A test that says which row it is says the right one.
            let mut said = name.split("push_row_").skip(1).filter_map(|rest| rest.split('_').next());
            if name.starts_with("push_row_") && !said.any(|said| said == row.to_string()) {
                flaws.push(format!("row {row}: `{name}` says that it is another"));
            }
        }
    }
    flaws
}

#[test]
fn every_row_is_a_test() {
    assert_eq!(flaws(&table()), Vec::<String>::new());
}

/// That the comparison can fail.
#[test]
fn a_row_without_its_test_is_noticed() {
    let mut table = table();
    table[0].1 = vec![("mobile/fanout.rs", "nobody_wrote_this")];
    table[1].1.clear();
    table.pop();
    assert_eq!(flaws(&table).len(), 3);
}
