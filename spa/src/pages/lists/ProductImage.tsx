import Box from '@mui/material/Box';
import { type ReactElement, useState } from 'react';

/** A product's image beside its name, which says the same; one that cannot be had leaves its place. */
export const ProductImage = ({ src, size }: { src: string; size: number }): ReactElement => {
  const [isBroken, setBroken] = useState(false);
  const place = { width: size, height: size, borderRadius: 1, flexShrink: 0, backgroundColor: 'divider' };
  if (isBroken) return <Box component="span" aria-hidden sx={{ ...place, display: 'inline-block' }} />;
  return <Box component="img" src={src} alt="" loading="lazy" width={size} height={size} referrerPolicy="no-referrer" onError={() => setBroken(true)} sx={{ ...place, objectFit: 'cover' }} />;
};
