import { join } from 'node:path';
import { isRecord, UserError } from '@sonde/base';
import { fieldsOf } from '@sonde/checkpoints';
import { withoutAliases } from './aliases.ts';
import { describeApertus } from './apertus.ts';
import { describeArcee } from './arcee.ts';
import { describeBert } from './bert.ts';
import { describeBioGpt } from './biogpt.ts';
import { describeBloom } from './bloom.ts';
import { describeCohere, describeCohere2 } from './cohere.ts';
import { refuseContradictions, refuseOtherReading } from './contradictions.ts';
import { describeCwm } from './cwm.ts';
import { describeDebertaV2 } from './deberta-v2.ts';
import { describeDeepseekV2, describeDeepseekV3 } from './deepseek.ts';
import { describeDistilBert } from './distilbert.ts';
import { describeDots1 } from './dots1.ts';
import { describeElectra } from './electra.ts';
import { describeErnie45, describeErnie45Moe } from './ernie4-5.ts';
import { describeExaoneMoe } from './exaone-moe.ts';
import { describeExaone4 } from './exaone4.ts';
import { describeFalcon } from './falcon.ts';
import { describeFlexOlmo } from './flex-olmo.ts';
import { describeGemma } from './gemma.ts';
import { describeGemma2, describeVaultGemma } from './gemma2.ts';
import { describeGemma3 } from './gemma3.ts';
import { describeGemma4 } from './gemma4.ts';
import { describeGlm } from './glm.ts';
import { describeGlm4 } from './glm4.ts';
import { describeGlm4Moe } from './glm4-moe.ts';
import { describeGptBigCode } from './gpt-bigcode.ts';
import { describeGptNeo } from './gpt-neo.ts';
import { describeGptNeox } from './gpt-neox.ts';
import { describeGptNeoxJapanese } from './gpt-neox-japanese.ts';
import { describeGptOss } from './gpt-oss.ts';
import { describeGpt2 } from './gpt2.ts';
import { describeCodeGen, describeGptj } from './gptj.ts';
import { describeGranite, describeGraniteMoe, describeGraniteMoeShared } from './granite.ts';
import { describeGraniteMoeHybrid } from './granite-moe-hybrid.ts';
import { describeGraniteMoeSwa, describeGraniteSwa } from './granite-swa.ts';
import { describeHelium } from './helium.ts';
import { describeHunYuan, describeHunYuanMoe } from './hunyuan.ts';
import { describeJais2 } from './jais2.ts';
import { describeLlama } from './llama.ts';
import { describeMellum } from './mellum.ts';
import { describeMiniMaxM2 } from './minimax-m2.ts';
import { describeMinistral3 } from './ministral3.ts';
import { describeMistral } from './mistral.ts';
import { describeMixtral } from './mixtral.ts';
import { describeModernBert } from './modernbert.ts';
import { describeMpt } from './mpt.ts';
import { describeNanoChat } from './nanochat.ts';
import { describeNemotron } from './nemotron.ts';
import type { Classifier, Describe, Network, NextToken } from './network.ts';
import { describeOlmo } from './olmo.ts';
import { describeOlmo2 } from './olmo2.ts';
import { describeOlmo3 } from './olmo3.ts';
import { describeOlmoe } from './olmoe.ts';
import { describeOpenAiGpt } from './openai-gpt.ts';
import { describeOpt } from './opt.ts';
import { describePersimmon } from './persimmon.ts';
import { describePhi } from './phi.ts';
import { describePhi3 } from './phi3.ts';
import { describePhimoe } from './phimoe.ts';
import { describeQwen2Moe, describeQwen3Moe } from './qwen-moe.ts';
import { describeQwen2 } from './qwen2.ts';
import { describeQwen3 } from './qwen3.ts';
import { describeRoberta } from './roberta.ts';
import { scoreOn } from './score.ts';
import { describeSeedOss } from './seed-oss.ts';
import { describeSmolLm3 } from './smollm3.ts';
import { describeSolarOpen } from './solar-open.ts';
import { describeStableLm } from './stablelm.ts';
import { describeStarcoder2 } from './starcoder2.ts';
import { describeXglm } from './xglm.ts';
import { describeYoutu } from './youtu.ts';

/** Language models, by the class name in config.json. */
export const LANGUAGE_MODELS: Readonly<Record<string, Describe<NextToken>>> = {
  ApertusForCausalLM: describeApertus,
  ArceeForCausalLM: describeArcee,
  BioGptForCausalLM: describeBioGpt,
  BloomForCausalLM: describeBloom,
  Cohere2ForCausalLM: describeCohere2,
  CodeGenForCausalLM: describeCodeGen,
  CohereForCausalLM: describeCohere,
  CwmForCausalLM: describeCwm,
  DeepseekV2ForCausalLM: describeDeepseekV2,
  DeepseekV3ForCausalLM: describeDeepseekV3,
  Dots1ForCausalLM: describeDots1,
  Ernie4_5_MoeForCausalLM: describeErnie45Moe,
  Ernie4_5ForCausalLM: describeErnie45,
  Exaone4ForCausalLM: describeExaone4,
  ExaoneMoeForCausalLM: describeExaoneMoe,
  FalconForCausalLM: describeFalcon,
  FlexOlmoForCausalLM: describeFlexOlmo,
  Gemma2ForCausalLM: describeGemma2,
  Gemma3ForCausalLM: describeGemma3,
  Gemma4ForCausalLM: describeGemma4,
  GemmaForCausalLM: describeGemma,
  Glm4ForCausalLM: describeGlm4,
  Glm4MoeForCausalLM: describeGlm4Moe,
  GlmForCausalLM: describeGlm,
  GPT2LMHeadModel: describeGpt2,
  GPTBigCodeForCausalLM: describeGptBigCode,
  GPTJForCausalLM: describeGptj,
  GPTNeoForCausalLM: describeGptNeo,
  GPTNeoXForCausalLM: describeGptNeox,
  GPTNeoXJapaneseForCausalLM: describeGptNeoxJapanese,
  GptOssForCausalLM: describeGptOss,
  GraniteForCausalLM: describeGranite,
  GraniteMoeForCausalLM: describeGraniteMoe,
  GraniteMoeHybridForCausalLM: describeGraniteMoeHybrid,
  GraniteMoeSharedForCausalLM: describeGraniteMoeShared,
  GraniteMoeSWAForCausalLM: describeGraniteMoeSwa,
  GraniteSWAForCausalLM: describeGraniteSwa,
  HeliumForCausalLM: describeHelium,
  HunYuanDenseV1ForCausalLM: describeHunYuan,
  HunYuanMoEV1ForCausalLM: describeHunYuanMoe,
  Jais2ForCausalLM: describeJais2,
  LlamaForCausalLM: describeLlama,
  MiniMaxM2ForCausalLM: describeMiniMaxM2,
  MellumForCausalLM: describeMellum,
  Ministral3ForCausalLM: describeMinistral3,
  MinistralForCausalLM: describeMistral,
  MistralForCausalLM: describeMistral,
  MixtralForCausalLM: describeMixtral,
  MptForCausalLM: describeMpt,
  NanoChatForCausalLM: describeNanoChat,
  NemotronForCausalLM: describeNemotron,
  Olmo2ForCausalLM: describeOlmo2,
  Olmo3ForCausalLM: describeOlmo3,
  OlmoeForCausalLM: describeOlmoe,
  OlmoForCausalLM: describeOlmo,
  OpenAIGPTLMHeadModel: describeOpenAiGpt,
  OPTForCausalLM: describeOpt,
  Phi3ForCausalLM: describePhi3,
  PersimmonForCausalLM: describePersimmon,
  PhiForCausalLM: describePhi,
  PhimoeForCausalLM: describePhimoe,
  Qwen2ForCausalLM: describeQwen2,
  Qwen2MoeForCausalLM: describeQwen2Moe,
  Qwen3ForCausalLM: describeQwen3,
  Qwen3MoeForCausalLM: describeQwen3Moe,
  SeedOssForCausalLM: describeSeedOss,
  SmolLM3ForCausalLM: describeSmolLm3,
  SolarOpenForCausalLM: describeSolarOpen,
  StableLmForCausalLM: describeStableLm,
  Starcoder2ForCausalLM: describeStarcoder2,
  VaultGemmaForCausalLM: describeVaultGemma,
  XGLMForCausalLM: describeXglm,
  YoutuForCausalLM: describeYoutu,
};

/** Classifiers of sequences, by the same. */
export const CLASSIFIERS: Readonly<Record<string, Describe<Classifier>>> = {
  BertForSequenceClassification: describeBert,
  DebertaV2ForSequenceClassification: describeDebertaV2,
  DistilBertForSequenceClassification: describeDistilBert,
  ElectraForSequenceClassification: describeElectra,
  Gemma2ForSequenceClassification: scoreOn(describeGemma2),
  Gemma3TextForSequenceClassification: scoreOn(describeGemma3),
  GemmaForSequenceClassification: scoreOn(describeGemma),
  LlamaForSequenceClassification: scoreOn(describeLlama),
  MistralForSequenceClassification: scoreOn(describeMistral),
  ModernBertForSequenceClassification: describeModernBert,
  Qwen2ForSequenceClassification: scoreOn(describeQwen2),
  Qwen3ForSequenceClassification: scoreOn(describeQwen3),
  RobertaForSequenceClassification: describeRoberta,
  XLMRobertaForSequenceClassification: describeRoberta,
};

/** What checkpoints on the hub call classes that transformers names otherwise. */
const CALLED: ReadonlyMap<unknown, string> = new Map([
  ['ExaoneMoEForCausalLM', 'ExaoneMoeForCausalLM'],
  ['PhiMoEForCausalLM', 'PhimoeForCausalLM'],
]);

/** More cannot be meant, and building the graph would not end. */
const MOST_LAYERS = 10_000;

type Config = Readonly<Record<string, unknown>>;

/** What a config.json describes. */
export interface Described<Head> {
  readonly architecture: string;
  readonly network: Network<Head>;
}

/** The language model that a config.json names. @throws UserError if it is not a supported one */
export function describeLanguageModel(folder: string, config: Config): Described<NextToken> {
  return describe(LANGUAGE_MODELS, CLASSIFIERS, 'a classifier, which generates no text', folder, config);
}

/** The classifier that a config.json names. @throws UserError if it is not a supported one */
export function describeClassifier(folder: string, config: Config): Described<Classifier> {
  return describe(CLASSIFIERS, LANGUAGE_MODELS, 'a language model, which has no labels', folder, config);
}

/** @param others what else there is, and what that is, for whoever takes the one for the other */
function describe<Head>(
  known: Readonly<Record<string, Describe<Head>>>,
  others: Readonly<Record<string, unknown>>,
  whatOthersAre: string,
  folder: string,
  config: Config,
): Described<Head> {
  const where = join(folder, 'config.json');
  const said: unknown = Array.isArray(config.architectures) ? config.architectures[0] : undefined;
  const named = CALLED.get(said) ?? said;
  const supported = Object.keys(known).join(', ');
  if (typeof named !== 'string')
    throw new UserError('model', `${where} names no architecture; supported: ${supported}.`);
  const page = Object.hasOwn(known, named) ? known[named] : undefined;
  if (!page && Object.hasOwn(others, named)) {
    throw new UserError('model', `${where}: ${named} is ${whatOthersAre}; supported here: ${supported}.`);
  }
  if (!page) {
    throw new UserError(
      'model',
      `${where}: architecture ${named} is not supported${otherKind(named, config)}; supported: ${supported}.`,
      'A ready ONNX repository of the model may run as it is (docs/how-to/use-a-ready-onnx-repository.md); docs/how-to/add-an-architecture.md says how to add the class.',
    );
  }
  refuseQuantized(named, config, where);
  refuseContradictions(named, config, where);
  const network = withinRotary(page(fieldsOf(withoutAliases(named, config), where)));
  if (network.trunk.mask === 'causal') refuseOtherReading(config, where);
  const { layers } = network.trunk.sizes;
  if (layers > MOST_LAYERS) {
    throw new UserError(
      'model',
      `${where}: the model would have ${layers} layers; at most ${MOST_LAYERS} are supported.`,
    );
  }
  return { architecture: named, network };
}

/** Classes of which some blocks, or all, carry a state from token to token in place of attention. */
const RECURRENT = /mamba|rwkv|jamba|bamba|zamba|recurrentgemma|falconh1|lfm2|xlstm|qwen3next|nemotronh/i;

/** How an unknown class differs from all that are known here, where that can be told. */
function otherKind(named: string, config: Config): string {
  if (RECURRENT.test(named)) return ' (it carries a state from token to token in place of attention)';
  return config.is_encoder_decoder === true ? ' (it has an encoder beside its decoder)' : '';
}

/** Refuses weights that are stored quantised, but for those that a class is published in. @throws UserError */
function refuseQuantized(named: string, { quantization_config: stored }: Config, where: string): void {
  if (stored === undefined || stored === null) return;
  const method = isRecord(stored) ? stored.quant_method : undefined;
  if (named === 'GptOssForCausalLM' && method === 'mxfp4') return;
  throw new UserError(
    'model',
    `${where}: checkpoints with quantised weights (quantization_config${typeof method === 'string' ? `, ${method}` : ''}) are not supported.`,
  );
}

/** Ends the context where rotary frequencies would begin to depend on the length of the text. */
function withinRotary<Head>({ trunk, head }: Network<Head>): Network<Head> {
  const limits = trunk.rotary.flatMap(({ maxPositions }) => maxPositions ?? []);
  const maxPositions = Math.min(trunk.sizes.maxPositions, ...limits);
  return { trunk: { ...trunk, sizes: { ...trunk.sizes, maxPositions } }, head };
}
