/** The values of the 256 numbers of an 8-bit float; a byte without an exponent's worth of meaning is not a number. */
function valuesOf(exponentBits: number, isNumber: (exponent: number, mantissa: number) => boolean): Float32Array {
  const mantissaBits = 7 - exponentBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  return Float32Array.from({ length: 256 }, (_, byte) => {
    const sign = byte & 128 ? -1 : 1;
    const exponent = (byte & 127) >> mantissaBits;
    const mantissa = byte & (2 ** mantissaBits - 1);
    if (!isNumber(exponent, mantissa)) return Number.NaN;
    const fraction = mantissa / 2 ** mantissaBits;
    return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
  });
}

/** Values by byte (Micikevicius et al., arXiv 2209.05433). What E5M2 has of infinities is no weight either. */
export const FLOAT8: Readonly<Record<string, Float32Array>> = {
  F8_E4M3: valuesOf(4, (exponent, mantissa) => exponent < 15 || mantissa < 7),
  F8_E5M2: valuesOf(5, (exponent) => exponent < 31),
};
