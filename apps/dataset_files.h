// SPDX-License-Identifier: MIT
// Which files a set of pictures is made of, by the layout of its folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/dataset.h"

namespace telescope::app {

/// One picture, in sets of pairs with its low-resolution partner; or why there is none to be had.
struct PictureFile {
  std::filesystem::path file;
  std::filesystem::path low;  ///< empty where there is no partner
  std::string problem;        ///< why it cannot be used; empty: nothing is known against it
};

struct PictureList {
  std::string title;  ///< of the set: its folder, and what it holds unless that is any pictures
  std::vector<PictureFile> files;
};

/// Error unless there is such a folder.
void check_folder(const std::filesystem::path& folder);

/// Every PNG and JPEG file below a folder, by name; hidden files are not looked at. Error if there
/// is no such folder, or nothing in it.
PictureList list_folder(const std::filesystem::path& folder);

/// CelebA: the pictures in img_align_celeba/ that list_eval_partition.txt gives to training (0) or
/// validation (1); it has a line "NAME NUMBER" for each, and 2 is for tests. A broken line stands
/// among the files with its problem.
PictureList list_celeba(const std::filesystem::path& folder, Part part);
bool holds_celeba(const std::filesystem::path& folder);

/// Pairs, as Urban100 and its like come, each of a picture in HR and one in LR of the same name:
///   NAME_HR.png and NAME_LR.png, in one folder or in folders below it
///   HR/NAME.png and LR/NAME.png, LR_bicubic/NAME.png, X2/NAME.png, LR/X2/NAMEx2.png, ...
/// Of several such LR folders one has to be named instead of the folder above. High resolution
/// without any LR is pictures alone; so are files without these marks. A picture without a partner
/// stands among the files with its problem.
PictureList list_pairs(const std::filesystem::path& folder);
bool holds_pairs(const std::filesystem::path& folder);

}  // namespace telescope::app
