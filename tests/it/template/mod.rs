//! `template.yaml` held against the code: table of functions, binaries, routes, capabilities, configuration, channels.
//!
//! Every rule takes a [`Project`] and says what is wrong with it. Here the real one must be right; in [`broken`] each
//! rule must notice a mistake made on purpose.

mod alarms;
mod broken;
pub(crate) mod channels;
mod egress;
pub(crate) mod environment;
mod functions;
mod permissions;
pub(crate) mod project;
mod queues;
mod references;
mod sockets;
mod storage;
mod throttle;

use project::Project;

/// Says what is wrong; nothing when all is well.
type Rule = fn(&Project) -> Vec<String>;

#[track_caller]
fn holds(rule: Rule) {
    let wrong = rule(&Project::read());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_function_has_a_resource_a_binary_and_a_manifest_entry() {
    holds(functions::everywhere);
}

#[test]
fn api_events_are_the_routes() {
    holds(functions::routes);
}

#[test]
fn the_websocket_api_has_the_routes_of_its_functions() {
    holds(sockets::routes);
}

#[test]
fn workers_are_called_by_their_queues_and_schedules() {
    holds(functions::triggers);
}

#[test]
fn the_operators_api_lets_less_through() {
    holds(throttle::limits);
}

#[test]
fn endpoints_end_in_time() {
    holds(functions::timeouts);
}

#[test]
fn permissions_are_the_grants_of_the_capabilities() {
    holds(permissions::grants);
}

#[test]
fn a_function_knows_the_names_of_what_it_may_use() {
    holds(permissions::names);
}

#[test]
fn variables_are_those_that_the_configuration_reads() {
    holds(environment::variables);
}

#[test]
fn event_sources_lose_nothing_and_hold_up_nobody() {
    holds(queues::sources);
}

#[test]
fn queues_are_encrypted_and_have_dead_letter_queues() {
    holds(queues::queues);
}

#[test]
fn queues_in_trouble_raise_alarms() {
    holds(alarms::on_queues);
}

#[test]
fn alarms_tell_somebody_what_to_do() {
    holds(alarms::each);
}

#[test]
fn every_channel_has_its_own_queue_alarms_and_mapping() {
    holds(channels::equipped);
}

#[test]
fn trouble_raises_alarms() {
    holds(alarms::on_trouble);
}

#[test]
fn the_dashboard_shows_what_there_is() {
    holds(alarms::dashboard);
}

#[test]
fn a_fixed_address_is_for_the_token_fetcher_alone() {
    holds(egress::fixed);
}

#[test]
fn tables_can_be_recovered_and_forget_in_time() {
    holds(storage::tables);
}

#[test]
fn the_bucket_is_private_and_outlives_its_tasks() {
    holds(storage::bucket);
}

#[test]
fn the_sealing_key_is_kept() {
    holds(storage::key);
}

#[test]
fn logs_are_not_kept_for_ever() {
    holds(storage::logs);
}

#[test]
fn references_lead_somewhere() {
    holds(references::resolve);
}
