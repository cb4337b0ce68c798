-- Address of a product's main image; null until it is read next.
ALTER TABLE products ADD COLUMN image text;

-- Why events of a store do not reach us, as a stable code; null where they do, and where it was looked at before there were codes.
ALTER TABLE webhook_subscriptions ADD COLUMN cause text;

-- Slug of the status that an order had when its history was fetched, as far as we knew: not every change tells when it happened.
ALTER TABLE order_histories ADD COLUMN status text;
