import { readFileSync } from 'node:fs';

export interface Cases {
  correlation: {
    name: string;
    x: number[];
    y: number[];
    pearson_r: number;
    pearson_p: number;
    pearson_ci95_fisher: [number, number];
    spearman_rho: number;
    spearman_p: number;
    kendall_tau_b: number;
    kendall_p: number;
    ranks_x: number[];
  }[];
  partial_correlation: {
    name: string;
    x: number[];
    y: number[];
    /** [n][covariates] */
    covariates: number[][];
    r: number;
    p: number;
    spearman_r: number;
    spearman_p: number;
  }[];
  multiplicity: { p: number[]; benjamini_hochberg: number[]; benjamini_yekutieli: number[]; holm: number[] };
  bootstrap: {
    statistic: 'mean' | 'pearson' | 'spearman';
    method: 'percentile' | 'basic' | 'BCa';
    level: number;
    low: number;
    high: number;
    standard_error: number;
    distribution_first_8: number[];
  }[];
  bootstrap_input: { x: number[]; y: number[] };
  max_r_permutation: { y: number[]; observed_r: number[]; p_family_wise: number[]; p_pointwise_two_sided: number[] };
  behaviour: {
    k: number;
    subset: string;
    prompts: number;
    prompts_fully_scored: number;
    emt: number | null;
    toxicity_probability_ge: number | null;
    toxicity_probability_paper: number;
    mean_score: number | null;
    missing_share: number;
  }[];
}

/** Results of scikit-learn and SciPy (versions in the file) on synthetic data. */
export const cases = JSON.parse(readFileSync(new URL('fixtures/cases.json', import.meta.url), 'utf8')) as Cases;
