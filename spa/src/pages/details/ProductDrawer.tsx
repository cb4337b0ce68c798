import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import type { ReactElement } from 'react';

import { getProduct, getProductReport, listOrders } from '../../api/generated/client';
import type { ProductWithSalesBody } from '../../api/generated/client.schemas';
import { Spark } from '../../charts/Spark';
import { Latin, Money, Name } from '../../format/shown';
import { addDays, calendarDay } from '../../format/times';
import { Loaded } from '../../shell/Loaded';
import { Sentence, useSay } from '../../words/words';
import { ProductImage } from '../lists/ProductImage';
import { ProductName, Stock } from '../lists/ProductsPage';
import { StatusChip } from '../lists/StatusChip';
import { AtSalla, productAtSalla } from './AtSalla';
import { Detail, Facts, Part } from './Detail';
import { OrdersOf } from './OrdersOf';

/** Days that the small trend shows. */
const DAYS = 182;

/** A product: what it costs, what is left of it, how it sells, who bought it. */
const ProductDrawer = (): ReactElement => {
  const say = useSay();
  const id = Number(useParams({ from: '/inside/products/$id' }).id);
  const product = useQuery({ queryKey: ['product', id], queryFn: ({ signal }) => getProduct(id, { signal }) });
  return (
    <Detail of="products" title={product.data ? <ProductName of={product.data} /> : say('column.product')} query={product}>
      {(found) => (
        <>
          <Head of={found} />
          <Part title="product.sales30">
            <RecentSales of={found.recentSales} />
          </Part>
          <Part title="product.report">
            <Trend id={id} />
          </Part>
          <OrdersOf title="product.orders" search={{ productId: id }} query={{ queryKey: ['ordersOf', 'product', id], queryFn: ({ signal }) => listOrders({ productId: id, limit: 5 }, { signal }) }} />
          <AtSalla label="product.atSalla" href={productAtSalla(id)} />
        </>
      )}
    </Detail>
  );
};

const Head = ({ of }: { of: ProductWithSalesBody }): ReactElement => (
  <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: of.image ? { xs: '1fr', sm: '160px minmax(0, 1fr)' } : '1fr' }}>
    {of.image && <ProductImage src={of.image} size={160} />}
    <Facts
      rows={[
        [<Sentence key="st" id="column.status" />, of.status && <StatusChip list="products" slug={of.status} />],
        [<Sentence key="p" id="column.price" />, of.price && <Money of={of.price} />],
        [<Sentence key="r" id="product.regularPrice" />, differs(of.regularPrice, of.price) && of.regularPrice && <Money of={of.regularPrice} />],
        [<Sentence key="s" id="product.salePrice" />, differs(of.salePrice, of.price) && of.salePrice && <Money of={of.salePrice} />],
        [<Sentence key="c" id="product.costPrice" />, of.costPrice && Number(of.costPrice.amount) > 0 && <Money of={of.costPrice} />],
        [<Sentence key="q" id="column.stock" />, (of.unlimitedQuantity || of.quantity !== null) && <Stock of={of} />],
        [<Sentence key="k" id="column.sku" />, of.sku && <Latin>{of.sku}</Latin>],
        [<Sentence key="b" id="product.brand" />, of.brand && <Name>{of.brand}</Name>],
        [<Sentence key="a" id="product.categories" />, of.categories.length > 0 && <Name>{of.categories.join('، ')}</Name>],
      ]}
    />
  </Box>
);

/** A price that says no more than the price itself is not shown twice. */
const differs = (one: { amount: string } | null, other: { amount: string } | null): boolean =>
  one !== null && Number(one.amount) > 0 && Number(one.amount) !== Number(other?.amount);

const RecentSales = ({ of }: { of: ProductWithSalesBody['recentSales'] }): ReactElement => {
  const say = useSay();
  if (of === null) return <Sentence id="product.sales30.unavailable" />;
  return (
    <>
      {of.sales.length === 0 && of.ordersWithoutLines === 0 && <Sentence id="product.sales30.none" />}
      <Facts rows={of.sales.map((one) => [say('top.pieces', { n: Number(one.quantity) }), <Money key={one.sales.currency} of={one.sales} />])} />
      {of.ordersWithoutLines > 0 && (
        <Typography variant="body2" sx={{ color: 'text.secondary' }}>
          <Sentence id="top.withoutLines" values={{ n: of.ordersWithoutLines }} />
        </Typography>
      )}
    </>
  );
};

const Trend = ({ id }: { id: number }): ReactElement => {
  const today = calendarDay(new Date());
  const days = { from: addDays(today, 1 - DAYS), to: today };
  const report = useQuery({ queryKey: ['productReport', id, days], queryFn: ({ signal }) => getProductReport(id, { ...days, granularity: 'week' }, { signal }) });
  return (
    <Loaded query={report} height={56}>
      {({ points, sales, ordersWithoutLines }) => {
        const currency = sales[0]?.sales.currency;
        const values = points.filter((point) => point.figures.sales.currency === currency).map((point) => Number(point.figures.sales.amount));
        return (
          <>
            <Spark values={values} />
            {sales.map((one) => (
              <Typography key={one.sales.currency} variant="body2" sx={{ color: 'text.secondary' }}>
                <Sentence id="product.report.sum" values={{ sales: <Money key="sales" of={one.sales} /> }} />
              </Typography>
            ))}
            {sales.length === 0 && ordersWithoutLines === 0 && <Sentence id="product.report.none" />}
            {ordersWithoutLines > 0 && (
              <Typography variant="body2" sx={{ color: 'text.secondary' }}>
                <Sentence id="top.withoutLines" values={{ n: ordersWithoutLines }} />
              </Typography>
            )}
          </>
        );
      }}
    </Loaded>
  );
};

export default ProductDrawer;
