-- Address of an order's page in Salla's dashboard; null until its details are read next.
ALTER TABLE orders ADD COLUMN admin_url text;
