import Box from '@mui/material/Box';
import { useSearch } from '@tanstack/react-router';
import type { ReactElement } from 'react';

import { listProductFacets, listProducts } from '../../api/generated/client';
import { type ProductBody, ProductSort } from '../../api/generated/client.schemas';
import { Count, Latin, Money, Name } from '../../format/shown';
import { Sentence } from '../../words/words';
import { type ListKind, ListPage } from './ListPage';
import { ProductImage } from './ProductImage';
import { StatusChip } from './StatusChip';

export const ProductName = ({ of }: { of: Pick<ProductBody, 'name'> }): ReactElement =>
  of.name === null ? <Sentence id="unnamed" /> : <Name>{of.name}</Name>;

/** What is in stock; nothing where that is not counted. */
export const Stock = ({ of }: { of: ProductBody }): ReactElement | null => {
  if (of.unlimitedQuantity === true) return <Sentence id="stock.unlimited" />;
  return of.quantity === null ? null : <Count of={of.quantity} />;
};

/** A product's image beside its name; it is decoration, the name says the same. */
const Pictured = ({ of }: { of: ProductBody }): ReactElement => (
  <Box component="span" sx={{ display: 'inline-flex', gap: 1, alignItems: 'center' }}>
    {of.image !== null && <ProductImage src={of.image} size={32} />}
    <ProductName of={of} />
  </Box>
);

const sku = ({ sku: code }: ProductBody): ReactElement | null => (code === null ? null : <Latin>{code}</Latin>);
const price = ({ price: amount }: ProductBody): ReactElement | null => (amount === null ? null : <Money of={amount} />);

const kind: ListKind<ProductBody> = {
  name: 'products',
  title: 'products.title',
  search: 'lists.search.products',
  empty: 'lists.none.products',
  read: listProducts,
  readFacets: listProductFacets,
  sorts: Object.values(ProductSort),
  id: (product) => product.id,
  columns: [
    { word: 'column.product', show: (product) => <Pictured of={product} /> },
    { word: 'column.sku', show: sku },
    { word: 'column.status', show: (product) => <StatusChip list="products" slug={product.status} /> },
    { word: 'column.price', isNumber: true, show: price },
    { word: 'column.stock', isNumber: true, show: (product) => <Stock of={product} /> },
    { word: 'column.sold', isNumber: true, show: (product) => product.soldQuantity !== null && <Count of={product.soldQuantity} /> },
  ],
  card: (product) => ({ title: <Pictured of={product} />, line: sku(product), figure: price(product), aside: <Stock of={product} /> }),
};

const ProductsPage = (): ReactElement => <ListPage kind={kind} search={useSearch({ from: '/inside/products' })} />;

export default ProductsPage;
