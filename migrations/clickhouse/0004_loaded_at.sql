-- When an order's fact was loaded last, so that a report can say of which time it is; 1970 where that was before this column.
ALTER TABLE orders ADD COLUMN IF NOT EXISTS loaded_at DateTime64(3, 'UTC') DEFAULT toDateTime64(0, 3, 'UTC') AFTER lines_total;
