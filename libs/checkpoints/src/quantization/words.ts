/** The types to which weights can be rounded, named as in PyTorch and config.json. */
export const DTYPES = ['float32', 'float16', 'bfloat16'] as const;
export type WeightDtype = (typeof DTYPES)[number];

/** The types of 16 bits in which products of weights can be computed. */
export const COMPUTE_DTYPES = ['float16', 'bfloat16'] as const;
export type ComputeDtype = (typeof COMPUTE_DTYPES)[number];

export const QUANTIZATIONS = ['nf4', 'int8', 'int4'] as const;
export type Quantization = (typeof QUANTIZATIONS)[number];
