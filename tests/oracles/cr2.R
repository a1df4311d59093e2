# CR2 standard errors and Satterthwaite degrees of freedom of every coefficient, by clubSandwich:
# ChickWeight and PlantGrowth-like data with unequal clusters, and clusters that absorb a coefficient.
#   Rscript tests/oracles/cr2.R > tests/oracles/cr2.json
source(file.path(local({
  a <- grep("^--file=", commandArgs(FALSE), value = TRUE)
  if (length(a)) dirname(sub("^--file=", "", a[1])) else "."
}), "common.R"))
suppressPackageStartupMessages(library(clubSandwich))

chicks <- as.data.frame(ChickWeight)[c("weight", "Time", "Diet", "Chick")]
chicks$Diet <- as.integer(as.character(chicks$Diet))
chicks$Chick <- as.integer(as.character(chicks$Chick))
# Few clusters of very unequal size.
few <- chicks[chicks$Chick %in% c(1, 2, 15, 16, 18, 21, 31, 41, 44), ]
fits <- function(name, d, f, text) {
  fit <- lm(f, d)
  r <- as.data.frame(coef_test(fit, vcovCR(fit, cluster = d$Chick, type = "CR2"), test = "Satterthwaite"))
  case(name, list(formula = text, weight = arr(d$weight), Time = arr(d$Time), Diet = arr(d$Diet), Chick = arr(d$Chick)),
       list(names = arr(names(coef(fit))), coef = arr(unname(coef(fit))), se = arr(r$SE), df = arr(r$df_Satt), p = arr(r$p_Satt)))
}
emit("clubSandwich::vcovCR(type = 'CR2'), coef_test(test = 'Satterthwaite')", list(
  fits("all chicks", chicks, weight ~ Time + factor(Diet), "weight ~ Time + C(Diet)"),
  fits("interaction", chicks, weight ~ Time * factor(Diet), "weight ~ Time * C(Diet)"),
  fits("few unequal clusters", few, weight ~ Time, "weight ~ Time"),
  fits("clusters absorbed", few, weight ~ Time + factor(Chick), "weight ~ Time + C(Chick)")
), packages = "clubSandwich")
