import OpenInNew from '@mui/icons-material/OpenInNew';
import Box from '@mui/material/Box';
import Link from '@mui/material/Link';
import type { ReactElement } from 'react';

import { Sentence } from '../../words/words';

/** The same thing in Salla's dashboard, in a tab of its own. */
export const AtSalla = ({ label, href }: { label: 'order.atSalla' | 'product.atSalla'; href: string }): ReactElement => (
  <Box>
    <Link href={href} target="_blank" rel="noreferrer" sx={{ display: 'inline-flex', alignItems: 'center', gap: 0.5 }}>
      <Sentence id={label} />
      <OpenInNew aria-hidden sx={{ fontSize: '1rem' }} />
    </Link>
  </Box>
);

/** A product's page in Salla's dashboard: its address is made of the id (Salla's `urls.admin`). */
export const productAtSalla = (id: number): string => `https://s.salla.sa/products/${id}`;
