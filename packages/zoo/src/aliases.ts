/**
 * What other libraries call our variants. A name is here only if that library's network has the same parameters and
 * multiply-accumulates: Keras' ResNet50 keeps convolution biases and pytorchcv's mobilenetv2_w1 an extra convolution, so
 * neither is. Names that a library shares with our ids need no entry; where two libraries disagree, torchvision's meaning
 * holds (pytorchcv's resnet50 is our resnet50_v1), or where it has none, the paper's (pytorchcv's
 * densenet40_k12_cifar10 compresses, and is our densenet40_k12_cifar10_pytorchcv).
 * A name with a library in front of it, `pytorchcv/alexnet`, has that library's meaning.
 */
export const ALIASES: Readonly<Record<string, string>> = {
  // timm
  mobilenetv1_100: 'mobilenet_v1',
  mobilenetv1_125: 'mobilenet_v1_x1_25',
  mobilenetv2_035: 'mobilenet_v2_x0_35',
  mobilenetv2_050: 'mobilenet_v2_x0_5',
  mobilenetv2_075: 'mobilenet_v2_x0_75',
  mobilenetv2_100: 'mobilenet_v2',
  mobilenetv2_140: 'mobilenet_v2_x1_4',
  // pytorchcv
  bn_vgg11b: 'vgg11_bn',
  bn_vgg13b: 'vgg13_bn',
  bn_vgg16b: 'vgg16_bn',
  bn_vgg19b: 'vgg19_bn',
  resnet50b: 'resnet50',
  resnet101b: 'resnet101',
  resnet152b: 'resnet152',
  mobilenet_w1: 'mobilenet_v1',
  mobilenet_w3d4: 'mobilenet_v1_x0_75',
  mobilenet_wd2: 'mobilenet_v1_x0_5',
  mobilenet_wd4: 'mobilenet_v1_x0_25',
  shufflenet_g1_w1: 'shufflenet_v1_x1_0_g1',
  shufflenet_g2_w1: 'shufflenet_v1_x1_0_g2',
  shufflenet_g3_w1: 'shufflenet_v1_x1_0_g3',
  shufflenet_g4_w1: 'shufflenet_v1_x1_0_g4',
  shufflenet_g8_w1: 'shufflenet_v1_x1_0_g8',
  shufflenet_g1_w3d4: 'shufflenet_v1_x0_75_g1',
  shufflenet_g3_w3d4: 'shufflenet_v1_x0_75_g3',
  shufflenet_g1_wd2: 'shufflenet_v1_x0_5_g1',
  shufflenet_g3_wd2: 'shufflenet_v1_x0_5_g3',
  shufflenet_g1_wd4: 'shufflenet_v1_x0_25_g1',
  shufflenet_g3_wd4: 'shufflenet_v1_x0_25_g3',
  shufflenetv2_wd2: 'shufflenet_v2_x0_5',
  shufflenetv2_w1: 'shufflenet_v2_x1_0',
  alexnetb: 'alexnet',
  'pytorchcv/alexnet': 'alexnet_ungrouped',
  zfnetb: 'zfnet_wide',
  // Caffe
  bvlc_reference_caffenet: 'caffenet',
  // Keras
  VGG16: 'vgg16',
  VGG19: 'vgg19',
  DenseNet121: 'densenet121',
  DenseNet169: 'densenet169',
  DenseNet201: 'densenet201',
  MobileNet: 'mobilenet_v1',
  MobileNetV2: 'mobilenet_v2',
  // Without a data set: these depths are the papers' for CIFAR
  preresnet20: 'preresnet20_cifar10',
  preresnet56: 'preresnet56_cifar10',
  preresnet110: 'preresnet110_cifar10',
  preresnet164: 'preresnet164bn_cifar10',
  wrn16_10: 'wrn16_10_cifar10',
  wrn28_10: 'wrn28_10_cifar10',
  wrn40_8: 'wrn40_8_cifar10',
  // akamaster/pytorch_resnet_cifar10: the paper's own form, without parameters in the shortcuts
  resnet20: 'resnet20_cifar10_a',
  resnet32: 'resnet32_cifar10_a',
  resnet44: 'resnet44_cifar10_a',
  resnet56: 'resnet56_cifar10_a',
  resnet110: 'resnet110_cifar10_a',
  // Without a width: the paper's 1.0
  mobilenet: 'mobilenet_v1',
  mobilenet_v1_x1_0: 'mobilenet_v1',
  mobilenet_v2_x1_0: 'mobilenet_v2',
  shufflenet_v1: 'shufflenet_v1_x1_0_g3',
  shufflenet_v2: 'shufflenet_v2_x1_0',
};
