//! The units we count against AWS's rules.
//! Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html> and
//! `transaction-apis.html`, "capacity management", read 2026-11-23.

use aws_sdk_dynamodb::types::{
    Delete, Get, KeysAndAttributes, Put, PutRequest, ReturnConsumedCapacity, TransactGetItem, TransactWriteItem,
    WriteRequest,
};

use super::{Cloud, text};

/// Bytes of an item put by [`Cloud::put`] besides its `d`: names `pk`, `sk`, `d` and two keys of one letter.
const OVERHEAD: usize = 2 + 1 + 2 + 1 + 1;

impl Cloud {
    /// Units of the calls of `operation` on `table` since the last look: (read, write).
    fn units(&self, operation: &str, table: &str) -> (f64, f64) {
        let figures = self.aws.calls.of("dynamodb", operation, table);
        self.aws.calls.reset();
        (figures.read_units, figures.write_units)
    }
}

/// A write costs one unit per KB begun; 1024 bytes are one, 1025 are two.
#[tokio::test]
async fn writes_cost_a_unit_per_kilobyte() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    for (size, units) in [(100, 1.0), (1024, 1.0), (1025, 2.0), (4096, 4.0)] {
        cloud.put("Tasks", "a", &units.to_string()[..1], size - OVERHEAD).await;
        assert_eq!(cloud.units("PutItem", "Tasks"), (0.0, units), "{size} bytes");
    }
}

/// Updates and deletes are charged by the larger of the item before and after.
#[tokio::test]
async fn updates_and_deletes_cost_the_larger_image() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    cloud.put("Tasks", "a", "1", 3000).await;
    let update = cloud.dynamodb.update_item().table_name("Tasks").key("pk", text("a")).key("sk", text("1"));
    update.update_expression("SET d = :d").expression_attribute_values(":d", text("y")).send().await.unwrap();
    assert_eq!(cloud.units("UpdateItem", "Tasks"), (0.0, 3.0));
    cloud.put("Tasks", "a", "2", 1500).await;
    let delete = cloud.dynamodb.delete_item().table_name("Tasks");
    delete.key("pk", text("a")).key("sk", text("2")).send().await.unwrap();
    assert_eq!(cloud.units("DeleteItem", "Tasks"), (0.0, 2.0));
}

/// An index costs a unit of its own, a changed index key two, and an item outside the index none.
#[tokio::test]
async fn indexes_are_charged_with_the_table() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    let put = |owner: &str| {
        let put = cloud.dynamodb.put_item().table_name("Tasks");
        put.item("pk", text("a")).item("sk", text("1")).item("owner", text(owner)).send()
    };
    put("x").await.unwrap();
    assert_eq!(cloud.units("PutItem", "Tasks"), (0.0, 2.0));
    put("y").await.unwrap();
    assert_eq!(cloud.units("PutItem", "Tasks"), (0.0, 3.0));
    cloud.put("Tasks", "a", "2", 10).await;
    assert_eq!(cloud.units("PutItem", "Tasks"), (0.0, 1.0));
}

/// A read costs a unit per 4 KB begun, half when it is eventually consistent; a missing item costs the smallest.
#[tokio::test]
async fn reads_cost_a_unit_per_four_kilobytes() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    for (name, size) in [("1", 4096), ("2", 4097)] {
        cloud.put("Tasks", "a", name, size - OVERHEAD).await;
    }
    for (name, consistent, units) in
        [("1", true, 1.0), ("2", true, 2.0), ("1", false, 0.5), ("2", false, 1.0), ("3", true, 1.0), ("3", false, 0.5)]
    {
        let get = cloud.dynamodb.get_item().table_name("Tasks").consistent_read(consistent);
        get.key("pk", text("a")).key("sk", text(name)).send().await.unwrap();
        assert_eq!(cloud.units("GetItem", "Tasks"), (units, 0.0), "item {name}, consistent {consistent}");
    }
}

/// A Query is charged by the summed size of what it read, not item by item, and also for what a filter drops.
#[tokio::test]
async fn queries_cost_the_summed_size() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    for number in 0..8 {
        cloud.put("Tasks", "a", &number.to_string(), 1000 - OVERHEAD).await;
    }
    let query = || {
        let query = cloud.dynamodb.query().table_name("Tasks").key_condition_expression("pk = :pk");
        query.expression_attribute_values(":pk", text("a"))
    };
    query().send().await.unwrap();
    assert_eq!(cloud.units("Query", "Tasks"), (1.0, 0.0), "8,000 bytes are two blocks of 4 KB, at half price");
    query().consistent_read(true).send().await.unwrap();
    assert_eq!(cloud.units("Query", "Tasks"), (2.0, 0.0));
    let filtered = query().filter_expression("d = :none").expression_attribute_values(":none", text("-"));
    assert_eq!(filtered.send().await.unwrap().count, 0);
    assert_eq!(cloud.units("Query", "Tasks"), (1.0, 0.0));
    query().limit(4).send().await.unwrap();
    assert_eq!(cloud.units("Query", "Tasks"), (0.5, 0.0));
    let nobody = cloud.dynamodb.query().table_name("Tasks").key_condition_expression("pk = :pk");
    nobody.expression_attribute_values(":pk", text("b")).send().await.unwrap();
    assert_eq!(cloud.units("Query", "Tasks"), (0.5, 0.0));
    cloud.dynamodb.scan().table_name("Tasks").send().await.unwrap();
    assert_eq!(cloud.units("Scan", "Tasks"), (1.0, 0.0));
}

/// An index that holds keys only is read at the size of the keys.
#[tokio::test]
async fn index_queries_cost_the_size_of_the_projection() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    for number in 0..3 {
        let put = cloud.dynamodb.put_item().table_name("Tasks").item("pk", text("a"));
        let put = put.item("sk", text(&number.to_string())).item("owner", text("x"));
        put.item("d", text(&"x".repeat(4000))).send().await.unwrap();
    }
    let query = cloud.dynamodb.query().table_name("Tasks").index_name("by_owner");
    let query = query.key_condition_expression("#o = :o").expression_attribute_names("#o", "owner");
    let found = query.expression_attribute_values(":o", text("x")).send().await.unwrap();
    assert_eq!(found.count, 3);
    assert_eq!(cloud.units("Query", "Tasks"), (0.5, 0.0));
}

/// A transaction costs twice as much, counted under the table of each action, and once in the totals.
#[tokio::test]
async fn transactions_cost_double_under_each_table() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    cloud.table("Tokens").await;
    cloud.aws.calls.reset();
    let put = |table: &str, sk: &str, length: usize| {
        let put = Put::builder().table_name(table).item("pk", text("a")).item("sk", text(sk));
        let put = put.item("d", text(&"x".repeat(length))).build().unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    let transaction = cloud.dynamodb.transact_write_items();
    let transaction = transaction.transact_items(put("Tasks", "1", 1500)).transact_items(put("Tasks", "2", 10));
    transaction.transact_items(put("Tokens", "1", 10)).send().await.unwrap();
    let totals = cloud.aws.calls.totals()["dynamodb"];
    assert_eq!((totals.count, totals.write_units), (1, 8.0));
    let rows = cloud.aws.calls.snapshot();
    assert_eq!(rows.iter().map(|row| row.figures.request_bytes).sum::<u64>(), totals.request_bytes);
    assert_eq!(cloud.aws.calls.of("dynamodb", "TransactWriteItems", "Tokens").write_units, 2.0);
    assert_eq!(cloud.units("TransactWriteItems", "Tasks"), (0.0, 6.0));

    let get = Get::builder().table_name("Tasks").key("pk", text("a")).key("sk", text("1")).build().unwrap();
    let gets = cloud.dynamodb.transact_get_items();
    gets.transact_items(TransactGetItem::builder().get(get).build()).send().await.unwrap();
    assert_eq!(cloud.units("TransactGetItems", "Tasks"), (2.0, 0.0));

    // Repeated with its token, a transaction is charged as a read.
    for expected in [(0.0, 2.0), (2.0, 0.0)] {
        let transaction = cloud.dynamodb.transact_write_items().client_request_token("token");
        transaction.transact_items(put("Tasks", "3", 10)).send().await.unwrap();
        assert_eq!(cloud.units("TransactWriteItems", "Tasks"), expected);
    }
}

/// Batches are charged item by item: rounding happens per item, under its own table.
#[tokio::test]
async fn batches_cost_the_sum_of_their_items() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    cloud.table("Tokens").await;
    cloud.aws.calls.reset();
    let write = |sk: &str, length: usize| {
        let put = PutRequest::builder().item("pk", text("a")).item("sk", text(sk));
        let put = put.item("d", text(&"x".repeat(length))).build().unwrap();
        WriteRequest::builder().put_request(put).build()
    };
    let batch = cloud.dynamodb.batch_write_item();
    let batch = batch.request_items("Tasks", vec![write("1", 100), write("2", 1500)]);
    batch.request_items("Tokens", vec![write("1", 100)]).send().await.unwrap();
    assert_eq!(cloud.aws.calls.totals()["dynamodb"].count, 1);
    assert_eq!(cloud.aws.calls.of("dynamodb", "BatchWriteItem", "Tokens").write_units, 1.0);
    assert_eq!(cloud.units("BatchWriteItem", "Tasks"), (0.0, 3.0));

    let keys = ["1", "2"].map(|sk| [("pk".to_owned(), text("a")), ("sk".to_owned(), text(sk))].into());
    let keys = KeysAndAttributes::builder().set_keys(Some(keys.to_vec())).build().unwrap();
    cloud.dynamodb.batch_get_item().request_items("Tasks", keys).send().await.unwrap();
    assert_eq!(cloud.units("BatchGetItem", "Tasks"), (1.0, 0.0), "two items of up to 4 KB at half price");
}

/// A write that its condition refused costs the minimum, in a transaction twice per action.
#[tokio::test]
async fn refused_conditions_are_not_free() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    cloud.put("Tasks", "a", "1", 10).await;
    cloud.aws.calls.reset();
    let put = cloud.dynamodb.put_item().table_name("Tasks").item("pk", text("a")).item("sk", text("1"));
    put.condition_expression("attribute_not_exists(pk)").send().await.unwrap_err();
    assert_eq!(cloud.units("PutItem", "Tasks"), (0.0, 1.0));

    let delete = |condition: &str| {
        let delete = Delete::builder().table_name("Tasks").key("pk", text("a")).key("sk", text(condition));
        let delete = delete.condition_expression("attribute_exists(pk)").build().unwrap();
        TransactWriteItem::builder().delete(delete).build()
    };
    let transaction = cloud.dynamodb.transact_write_items();
    transaction.transact_items(delete("1")).transact_items(delete("9")).send().await.unwrap_err();
    assert_eq!(cloud.units("TransactWriteItems", "Tasks"), (0.0, 4.0));
}

/// A caller that decides for itself gets what it asked for, and is still counted.
#[tokio::test]
async fn a_callers_own_wish_for_units_stands() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    let get = |wish| {
        let get = cloud.dynamodb.get_item().table_name("Tasks").key("pk", text("a")).key("sk", text("1"));
        get.return_consumed_capacity(wish).send()
    };
    let indexes = get(ReturnConsumedCapacity::Indexes).await.unwrap();
    assert!(indexes.consumed_capacity.unwrap().table.is_some());
    assert_eq!(cloud.units("GetItem", "Tasks"), (0.5, 0.0));
    let none = get(ReturnConsumedCapacity::None).await.unwrap();
    assert!(none.consumed_capacity.is_none());
    assert_eq!(cloud.aws.calls.of("dynamodb", "GetItem", "Tasks").count, 1);
}

/// Sizes are those of the bodies on the wire.
#[tokio::test]
async fn bytes_are_counted_in_both_directions() {
    let cloud = Cloud::new().await;
    cloud.table("Tasks").await;
    cloud.put("Tasks", "a", "1", 2000).await;
    assert!(cloud.has("Tasks", "a", "1").await);
    let put = cloud.aws.calls.of("dynamodb", "PutItem", "Tasks");
    let get = cloud.aws.calls.of("dynamodb", "GetItem", "Tasks");
    assert!((2000..2200).contains(&put.request_bytes) && put.response_bytes < 200, "{put:?}");
    assert!((2000..2200).contains(&get.response_bytes) && get.request_bytes < 200, "{get:?}");
    assert_eq!(cloud.aws.calls.of("dynamodb", "CreateTable", "Tasks").count, 1);
}
