//! Tasks (Tasks table): one item per accepted call, in the partition of the id block it drew from.

use crate::db::{Ask, Put, Range, Update, sort_key};
use crate::item::{Attributes, Item, Reader, b, n};
use crate::objects::{deflate, inflate};
use crate::{StoreError, item, keys};
use model::clock::Timestamp;
use model::ids::{MessageId, TaskId};
use model::task::{Content, PageContent, Stored, Task};

use crate::ids::Draw;

capability! {
    /// Writes new tasks.
    TaskWriter: [("dynamodb:GetItem", Tasks), ("dynamodb:PutItem", Tasks), ("dynamodb:BatchWriteItem", Tasks)]
}

capability! {
    /// Reads tasks.
    TaskReader: [("dynamodb:GetItem", Tasks), ("dynamodb:Query", Tasks)]
}

capability! {
    /// Erases the content of tasks.
    ContentEraser: [("dynamodb:UpdateItem", Tasks), ("s3:DeleteObject", Bucket)]
}

/// The first byte of every task document.
const VERSION: u8 = 1;

impl TaskWriter {
    /// Writes a task: once this returns, the message is accepted.
    ///
    /// Conditional on its id being free, and idempotent: a repeat after a lost answer finds its own nonce and is
    /// content. So is one that failed for good and is found to stand.
    pub async fn create(&self, task: &Task) -> Result<(), StoreError> {
        let table = &self.0.names().tasks;
        let standing = match self.0.put_new(table, task_item(task)?).await {
            Ok(Put::Written) => return Ok(()),
            Ok(Put::Refused(standing)) => standing,
            // Every answer may have been lost and the write done all the same: then the caller must not be told to try
            // again. Only a look can tell.
            Err(error) => match self.0.get(table, keys::task(task.id), true).await {
                Ok(Some(standing)) => Some(standing),
                Ok(None) | Err(_) => return Err(error),
            },
        };
        match standing.as_ref().map(read_task) {
            Some(Ok(standing)) if standing.nonce == task.nonce => Ok(()),
            _ => Err(StoreError::IdTaken { id: task.id.get() }),
        }
    }

    /// Lets the ids of a wide call be found from every block they lie in. Before the task is written: a pointer to
    /// nothing is harmless, a task without pointers is not.
    pub async fn point(&self, draw: &Draw, expires: Timestamp) -> Result<(), StoreError> {
        let pointers = draw.further_blocks().map(|block| {
            Item::keyed(keys::block(block), keys::task_sort(block.first_id()))
                .with("pointer", n(draw.task))
                .expiring(expires)
                .build()
        });
        self.0.put_many(&self.0.names().tasks, pointers.collect()).await
    }
}

impl ContentEraser {
    /// Erases the content of `task`: its page is gone from now on. `false` when the task is gone itself. Twice is once.
    ///
    /// A process that dies in between leaves an object that nothing leads to; the bucket's lifecycle takes it.
    pub async fn erase(&self, task: &Task) -> Result<bool, StoreError> {
        // Other content has no page that could be gone.
        let Content::Page(page) = &task.content else { return Ok(false) };
        let content = Content::Page(PageContent { text: Stored::Inline(String::new()), ..page.clone() });
        let erased = Task { content, ..task.clone() };
        let update = Update::default().set("doc", b(document(&erased)?)).when("attribute_exists(#pk)");
        let done = self.0.update(&self.0.names().tasks, keys::task(task.id), update).await?.is_done();
        if let Stored::Object(key) = &page.text {
            self.0.delete_object(key).await?;
        }
        Ok(done)
    }
}

impl TaskReader {
    /// The task; `None` when it does not exist or has expired. Strongly consistent.
    pub async fn get(&self, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError> {
        let Some(item) = self.0.get(&self.0.names().tasks, keys::task(id), true).await? else { return Ok(None) };
        if Reader::new("task", &item).has("pointer") {
            return Ok(None);
        }
        // TTL removes items when it gets to it, up to days late.
        read_task(&item).map(|task| (now < task.expires()).then_some(task))
    }

    /// The task that the target `message` belongs to; `None` when there is none or it has expired.
    pub async fn of_message(&self, message: MessageId, now: Timestamp) -> Result<Option<Task>, StoreError> {
        let task = self.last_before(message, now).await?;
        Ok(task.filter(|task| task.target(message).is_some()))
    }

    /// The task that any of its ids names, its own or a target's; `None` when there is none or it has expired.
    pub async fn of_any_id(&self, id: MessageId, now: Timestamp) -> Result<Option<Task>, StoreError> {
        let task = self.last_before(id, now).await?;
        Ok(task.filter(|task| task.id.get() == id.get() || task.target(id).is_some()))
    }

    /// The last task whose id is not above `message`, in the block that it lies in.
    async fn last_before(&self, message: MessageId, now: Timestamp) -> Result<Option<Task>, StoreError> {
        let block = TaskId::new(message.get()).block();
        let range = Range::Between(keys::task_sort(0), keys::task_sort(message.get()));
        let mut ask = Ask::new(&self.0.names().tasks, keys::block(block), range);
        ask.descending = true;
        ask.limit = Some(1);
        let page = self.0.query_page(&ask, None).await?;
        let Some(item) = page.items.first() else { return Ok(None) };
        let reader = Reader::new("task", item);
        if reader.has("pointer") {
            return self.get(TaskId::new(reader.number("pointer")?), now).await;
        }
        Ok(Some(read_task(item)?).filter(|task| now < task.expires()))
    }
}

/// A task as bytes.
fn document(task: &Task) -> Result<Vec<u8>, StoreError> {
    let mut document = vec![VERSION];
    document.extend(deflate(item::json("task", task)?.as_bytes()));
    Ok(document)
}

fn task_item(task: &Task) -> Result<Attributes, StoreError> {
    let key = keys::task(task.id);
    Ok(Item::keyed(key.pk, key.sk)
        .with("created_ms", n(task.accepted_ms.millis()))
        .with("doc", b(document(task)?))
        .expiring(task.expires())
        .build())
}

pub(crate) fn read_task(item: &Attributes) -> Result<Task, StoreError> {
    let reader = Reader::new("task", item);
    let id = keys::sort_task(sort_key(item)).ok_or_else(|| StoreError::corrupt("task", "its key has no id"))?;
    let document = match reader.bytes("doc")?.split_first() {
        Some((&VERSION, packed)) => inflate(packed)?,
        _ => return Err(StoreError::corrupt("task", "its version is unknown")),
    };
    let mut task: Task = serde_json::from_slice(&document).map_err(|error| StoreError::corrupt("task", error))?;
    task.id = id;
    task.accepted_ms = Timestamp::from_millis(reader.number("created_ms")?);
    Ok(task)
}
