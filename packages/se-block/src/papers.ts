import type { Paper } from '@convkit/core';

export const SE_PAPER: Paper = {
  title: 'Squeeze-and-Excitation Networks',
  authors: 'Jie Hu, Li Shen, Samuel Albanie, Gang Sun, Enhua Wu',
  year: 2017,
  url: 'https://arxiv.org/abs/1709.01507',
};

export const ECA_PAPER: Paper = {
  title: 'ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks',
  authors: 'Qilong Wang, Banggu Wu, Pengfei Zhu, Peihua Li, Wangmeng Zuo, Qinghua Hu',
  year: 2020,
  url: 'https://arxiv.org/abs/1910.03151',
};

export const CBAM_PAPER: Paper = {
  title: 'CBAM: Convolutional Block Attention Module',
  authors: 'Sanghyun Woo, Jongchan Park, Joon-Young Lee, In So Kweon',
  year: 2018,
  url: 'https://arxiv.org/abs/1807.06521',
};
