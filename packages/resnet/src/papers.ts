import type { Paper } from '@convkit/core';

/** Has rows in both families: its ImageNet networks are V1.5, its CIFAR networks pre-activated. */
export const WIDE_RESNET_PAPER: Paper = {
  title: 'Wide Residual Networks',
  authors: 'Sergey Zagoruyko, Nikos Komodakis',
  year: 2016,
  url: 'https://arxiv.org/abs/1605.07146',
};

export const RESNEXT_PAPER: Paper = {
  title: 'Aggregated Residual Transformations for Deep Neural Networks',
  authors: 'Saining Xie, Ross Girshick, Piotr Dollár, Zhuowen Tu, Kaiming He',
  year: 2016,
  url: 'https://arxiv.org/abs/1611.05431',
};
