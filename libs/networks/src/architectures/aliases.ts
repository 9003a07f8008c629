type Config = Readonly<Record<string, unknown>>;

const GPT2 = {
  hidden_size: 'n_embd',
  max_position_embeddings: 'n_positions',
  num_attention_heads: 'n_head',
  num_hidden_layers: 'n_layer',
};

/** By class: second names that its configuration in transformers has for fields, and the first ones. */
const ALIASES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  BloomForCausalLM: { num_attention_heads: 'n_head', num_hidden_layers: 'n_layer' },
  CodeGenForCausalLM: GPT2,
  DeepseekV2ForCausalLM: { num_experts: 'n_routed_experts' },
  DeepseekV3ForCausalLM: { num_local_experts: 'n_routed_experts', num_mtp_layers: 'num_nextn_predict_layers' },
  Dots1ForCausalLM: { num_local_experts: 'n_routed_experts' },
  Ernie4_5_MoeForCausalLM: { num_experts: 'moe_num_experts', num_experts_per_tok: 'moe_k' },
  FlexOlmoForCausalLM: { num_local_experts: 'num_experts' },
  Glm4MoeForCausalLM: { num_local_experts: 'n_routed_experts', num_mtp_layers: 'num_nextn_predict_layers' },
  GPT2LMHeadModel: GPT2,
  GPTBigCodeForCausalLM: GPT2,
  GPTJForCausalLM: GPT2,
  GptOssForCausalLM: { num_experts: 'num_local_experts' },
  GPTNeoForCausalLM: { num_attention_heads: 'num_heads', num_hidden_layers: 'num_layers' },
  OpenAIGPTLMHeadModel: GPT2,
  GraniteMoeHybridForCausalLM: { layers_block_type: 'layer_types' },
  HunYuanMoEV1ForCausalLM: { num_experts_per_tok: 'moe_topk', num_local_experts: 'num_experts' },
  MiniMaxM2ForCausalLM: { num_experts: 'num_local_experts' },
  MellumForCausalLM: { num_local_experts: 'num_experts' },
  MixtralForCausalLM: { num_experts: 'num_local_experts' },
  MptForCausalLM: { hidden_size: 'd_model', num_attention_heads: 'n_heads', num_hidden_layers: 'n_layers' },
  OlmoeForCausalLM: { num_local_experts: 'num_experts' },
  Qwen3MoeForCausalLM: { num_local_experts: 'num_experts' },
  SolarOpenForCausalLM: { num_local_experts: 'n_routed_experts' },
  XGLMForCausalLM: { hidden_size: 'd_model', num_attention_heads: 'attention_heads', num_hidden_layers: 'num_layers' },
};

/** A configuration under the first names alone. Where a file has both, transformers takes what the second one says. */
export function withoutAliases(architecture: string, config: Config): Config {
  const aliases = Object.entries(ALIASES[architecture] ?? {});
  if (!aliases.some(([alias]) => config[alias] !== undefined)) return config;
  const named = aliases.filter(([alias]) => config[alias] !== undefined);
  const rest = Object.entries(config).filter(([name]) => !named.some(([alias]) => alias === name));
  return { ...Object.fromEntries(rest), ...Object.fromEntries(named.map(([alias, name]) => [name, config[alias]])) };
}
