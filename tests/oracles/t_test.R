# Two-sample t tests (stats::t.test). The difference is treatment - control.
#   Rscript tests/oracles/t_test.R > tests/oracles/t_test.json
source(file.path(local({
  a <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  if (length(a)) dirname(sub("^--file=", "", a[1])) else "."
}), "common.R"))

results <- function(t, c) {
  out <- list()
  for (equal_var in c(FALSE, TRUE)) for (conf in c(.95, .99)) for (alt in c("two.sided", "less", "greater")) {
    r <- t.test(t, c, alternative = alt, var.equal = equal_var, conf.level = conf)
    out[[length(out) + 1]] <- list(
      equal_var = equal_var, alternative = alt, conf_level = conf,
      statistic = r$statistic[[1]], df = r$parameter[[1]], p = r$p.value,
      conf_low = r$conf.int[1], conf_high = r$conf.int[2], se = r$stderr)
  }
  list(n_treatment = length(t), n_control = length(c),
       mean_treatment = mean(t), mean_control = mean(c),
       var_treatment = var(t), var_control = var(c), results = out)
}
cases <- list()
add <- function(name, t, c) cases[[length(cases) + 1]] <<-
  case(name, list(treatment = arr(as.numeric(t)), control = arr(as.numeric(c))), results(t, c))

add("sleep", sleep$extra[sleep$group == 2], sleep$extra[sleep$group == 1])
w <- split(chickwts$weight, chickwts$feed)
add("chickwts casein - horsebean", w$casein, w$horsebean)
add("chickwts soybean - linseed", w$soybean, w$linseed)
add("chickwts sunflower - casein", w$sunflower, w$casein)
add("mtcars mpg manual - automatic", mtcars$mpg[mtcars$am == 1], mtcars$mpg[mtcars$am == 0])
add("ToothGrowth VC - OJ", ToothGrowth$len[ToothGrowth$supp == "VC"], ToothGrowth$len[ToothGrowth$supp == "OJ"])
nsw <- read_data("nsw.csv")
add("nsw re78", nsw$re78[nsw$treat == 1], nsw$re78[nsw$treat == 0])
add("n 2 and 3", c(3.5, 4.25), c(1, 2.5, 2.75))
add("n 2 and 2", c(0.5, 1.5), c(-1, 4))
add("one constant arm", c(2, 2, 2, 2), c(1, 2.5, 0.25, 3))
add("very unequal variances", c(-1e8, 2e8, 3e7, 5e7, -9e7), 1e-6 * (1:12))
add("very unequal sizes", c(1.5, 2.5), (0:149) %% 7 / 4)
# Offsets: the noise is a multiple of 1/1024, so every value is exactly a double. R rounds
# each mean to a double, hence its difference has an absolute error near 1e-7 here; the
# exact values are in t_test_exact.json.
k <- 0:119
add("1e9 plus noise", 1e9 + ((k * 577) %% 1024 - 480) / 1024, 1e9 + ((k * 331 + 17) %% 1024 - 512) / 1024)
add("-1e9 plus noise", -1e9 + ((k * 577) %% 1024 - 400) / 512, -1e9 + ((k * 331 + 17) %% 1024 - 512) / 512)
add("1e-12 scale", ((k * 577) %% 1024) * 2^-50, ((k * 331 + 17) %% 1024 + 32) * 2^-50)
# Tiny p values: two-sided Welch p in the name.
add("p near 1e-41", 1.0625 + (0:79) / 64, (0:79) / 64)
add("p near 1e-105", 20 + (0:49) / 64, (0:44) / 32)
add("p near 1e-219", 1e3 + (0:49) / 64, (0:44) / 32)
add("p near 1e-282", 4.5 + (0:199) / 128, (0:189) / 128)
add("p near 1e-295", 220 + (0:59) / 64, (0:53) / 64)
add("negative, p near 1e-165", -16 + (0:149) / 32, (0:129) / 128)
emit("t_test.R", cases)
