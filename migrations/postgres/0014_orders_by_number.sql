-- Orders are looked up by the number that merchants and customers know them by, and by customer.
CREATE INDEX orders_by_number ON orders (merchant_id, store_id, reference_id) WHERE reference_id IS NOT NULL;
CREATE INDEX orders_of_customer ON orders (merchant_id, store_id, customer_id, created_at DESC) WHERE customer_id IS NOT NULL;
